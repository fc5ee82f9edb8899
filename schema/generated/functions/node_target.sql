-- The status that an event of this type moves a node to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.node_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'NodeStarted' THEN 'RUNNING'
           WHEN 'NodeSucceeded' THEN 'SUCCESS'
           WHEN 'NodeScheduled' THEN 'PENDING'
           WHEN 'NodeAttemptFailed' THEN 'RETRYING'
           WHEN 'NodeWaiting' THEN 'WAITING_INPUT'
           WHEN 'NodeContinued' THEN 'RUNNING'
           WHEN 'NodeFailed' THEN 'ERROR'
           WHEN 'NodeSkipped' THEN 'SKIPPED'
           WHEN 'NodeCanceled' THEN 'CANCELED' END
$$;
