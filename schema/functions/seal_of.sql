-- The seal of a range, format 1: SHA-256 over the seal before (nothing for the first one), the
-- range's first and last position, its number of events, and its digest.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.seal_of(previous bytea, first_position bigint, last_position bigint, events bigint, range_digest bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(coalesce(previous, '') || int8send(first_position) || int8send(last_position) || int8send(events) || range_digest)
$$;
