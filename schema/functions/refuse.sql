-- Raises a refusal of the catalogue, with its facts in DETAIL.
--
-- The message takes its words from the facts, and from `words`, which are not among the facts in DETAIL. It never returns.
--
-- It runs as its owner, so that a tenant that may not read the catalogue of refusals is refused with its words.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.refuse(refusal text, facts jsonb DEFAULT '{}', words jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said runfold.refusals;
    given constant jsonb := facts || words;
    detail text;
    message text;
BEGIN
    SELECT * INTO STRICT said FROM runfold.refusals r WHERE r.name = refusal;
    detail := jsonb_build_object('code', said.code) || facts;
    -- In one pass: a value may look like a name in braces.
    message := (SELECT string_agg(m.part[1] || coalesce(given ->> m.part[2], ''), '' ORDER BY m.n)
                  FROM regexp_matches(said.message, '([^{]*)(?:\{(\w+)\})?', 'g') WITH ORDINALITY AS m (part, n));
    IF said.hint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = said.sqlstate, MESSAGE = message, DETAIL = detail;
    END IF;
    RAISE EXCEPTION USING ERRCODE = said.sqlstate, MESSAGE = message, DETAIL = detail, HINT = said.hint;
END
$$;
