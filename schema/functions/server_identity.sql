-- The server and its timeline: another one after a restore, an upgrade or a fail-over. Not on a
-- standby.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.server_identity() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system() AS s
$$;
