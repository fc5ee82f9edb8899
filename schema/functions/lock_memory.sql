-- Locks a place in a tenant's memory until the transaction ends, so that two writers wait for each other there.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.lock_memory(tenant uuid, place text) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(pg_catalog.concat(tenant, '/', place), 0))
$$;
