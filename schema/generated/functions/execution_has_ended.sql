-- Whether an execution of this status has ended; without a status it has not.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.execution_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT'), false)
$$;
