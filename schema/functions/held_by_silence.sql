-- Whether the engine that holds an execution is silent; NULL: no engine holds it.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.held_by_silence(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.engine_is_silent(h.engine_id) FROM runfold.holds h WHERE h.execution_id = $1
$$;
