-- Whether the log holds the end of an execution, folded or not.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.has_ended(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.end_status($1) IS NOT NULL
$$;
