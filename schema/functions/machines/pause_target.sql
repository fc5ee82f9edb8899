-- The status an event moves its pause to.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.pause_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'PauseOpened' THEN 'active'
           WHEN 'PauseResumed' THEN 'resumed'
           WHEN 'PauseTimedOut' THEN 'timeout'
           WHEN 'PauseCanceled' THEN 'cancelled' END
$$;
