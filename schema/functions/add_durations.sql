-- The sum of two lists of durations, part by part.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.add_durations(one bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(coalesce(d.one, 0) + coalesce(d.other, 0) ORDER BY d.n)
      FROM ROWS FROM (unnest(one), unnest(other)) WITH ORDINALITY AS d (one, other, n)
$$;
