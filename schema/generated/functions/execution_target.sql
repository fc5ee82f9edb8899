-- The status that an event of this type moves an execution to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.execution_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ExecutionCreated' THEN 'NEW'
           WHEN 'ExecutionStarted' THEN 'RUNNING'
           WHEN 'ExecutionPaused' THEN 'PAUSED'
           WHEN 'ExecutionResumed' THEN 'RUNNING'
           WHEN 'ExecutionSucceeded' THEN 'SUCCESS'
           WHEN 'ExecutionFailed' THEN 'ERROR'
           WHEN 'ExecutionCanceled' THEN 'CANCELED'
           WHEN 'ExecutionTimedOut' THEN 'TIMEOUT'
           WHEN 'ExecutionDeclaredLost' THEN 'ERROR' END
$$;
