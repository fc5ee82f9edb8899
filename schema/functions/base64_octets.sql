-- How many bytes a base64 text encodes.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.base64_octets(value text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.length(value) / 4 * 3 - (pg_catalog.length(value) - pg_catalog.length(pg_catalog.rtrim(value, '=')))
$$;
