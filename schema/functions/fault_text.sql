-- What a fault's code says, with its words filled in.
--
-- grant: nobody
CREATE FUNCTION runfold.fault_text(code text, at text, "limit" jsonb, found jsonb, OUT message text, OUT hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(replace(replace(f.message, '{limit}', w.said), '{at}', at), '{found}', coalesce(found #>> '{}', 'None')),
           replace(replace(f.hint, '{limit}', w.said), '{found}', coalesce(found #>> '{}', 'None'))
      FROM runfold.faults f,
           LATERAL (SELECT CASE jsonb_typeof("limit")
                                WHEN 'array' THEN (SELECT string_agg(x, ', ') FROM jsonb_array_elements_text("limit") AS x)
                                ELSE coalesce("limit" #>> '{}', 'None') END AS said) AS w
     WHERE f.code = $1
$$;
