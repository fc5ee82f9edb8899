-- Epoch milliseconds as a timestamp.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.from_epoch_ms(ms bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Days apart from the rest: whole milliseconds times an interval lose precision in the year 2255.
    SELECT (timestamp '1970-01-01' OPERATOR(pg_catalog.+) pg_catalog.make_interval(
                days => (ms / 86400000)::integer, secs => (ms % 86400000)::double precision / 1000))
           AT TIME ZONE 'UTC'
$$;
