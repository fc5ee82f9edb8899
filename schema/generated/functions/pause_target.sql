-- The status that an event of this type moves a pause to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.pause_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'PauseOpened' THEN 'active'
           WHEN 'PauseResumed' THEN 'resumed'
           WHEN 'PauseTimedOut' THEN 'timeout'
           WHEN 'PauseCanceled' THEN 'cancelled' END
$$;
