-- The status an event moves its interaction to; NULL where it moves nothing.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.interaction_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'InteractionRequested' THEN 'pending'
           WHEN 'InteractionResponded' THEN 'responded'
           WHEN 'InteractionTimedOut' THEN 'timeout'
           WHEN 'InteractionCanceled' THEN 'cancelled'
           WHEN 'InteractionFailed' THEN 'error'
           WHEN 'InteractionReopened' THEN 'pending' END
$$;
