-- Refuses a definition that is not valid, with all its faults, of which the first hundred are listed.
--
-- grant: nobody
CREATE FUNCTION runfold.require_definition(definition jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    listed jsonb;
    total bigint;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('pointer', f.pointer, 'code', f.code, 'limit', f."limit", 'found', f.found,
                                        'message', f.message, 'hint', f.hint) ORDER BY f.n) FILTER (WHERE f.n <= 100),
           count(*)
      INTO listed, total
      FROM (SELECT x.*, row_number() OVER () AS n, t.message, t.hint
              FROM runfold.definition_faults(definition) AS x,
                   runfold.fault_text(x.code, coalesce(nullif(x.pointer, ''), 'The definition'), x."limit", x.found) AS t) AS f;
    IF total > 0 THEN
        PERFORM runfold.refuse('definition_invalid',
                               jsonb_build_object('pointer', listed #> '{0,pointer}', 'count', total, 'faults', listed),
                               jsonb_build_object('first', listed #> '{0,message}'));
    END IF;
END
$$;
