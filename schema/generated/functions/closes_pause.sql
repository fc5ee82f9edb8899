-- Whether an event of this type closes its pause.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.closes_pause(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT type IN ('PauseResumed', 'PauseTimedOut', 'PauseCanceled')
$$;
