-- A call with empty objects in place of the first events of each append: the others keep their places, and so their pointers.
--
-- grant: nobody
CREATE FUNCTION runfold.without_prefixes(call jsonb, sizes integer[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN 0 = ALL (sizes) THEN call ELSE (
        SELECT jsonb_agg(CASE WHEN sizes[a.n] = 0 THEN a.append ELSE a.append || jsonb_build_object('events', (
                   SELECT jsonb_agg(CASE WHEN e.n > sizes[a.n] THEN e.event ELSE '{}' END ORDER BY e.n)
                     FROM jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n))) END ORDER BY a.n)
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)) END
$$;
