-- The position up to which the log is sealed; 0 before the first seal.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.sealed_position() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(last_position), 0) FROM runfold.seals
$$;
