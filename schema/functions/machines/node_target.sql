-- The status an event moves its node to.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.node_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'NodeSucceeded' THEN 'SUCCESS'
           WHEN 'NodeStarted' THEN 'RUNNING'
           WHEN 'NodeScheduled' THEN 'PENDING'
           WHEN 'NodeAttemptFailed' THEN 'RETRYING'
           WHEN 'NodeFailed' THEN 'ERROR'
           WHEN 'NodeWaiting' THEN 'WAITING_INPUT'
           WHEN 'NodeContinued' THEN 'RUNNING'
           WHEN 'NodeSkipped' THEN 'SKIPPED'
           WHEN 'NodeCanceled' THEN 'CANCELED' END
$$;
