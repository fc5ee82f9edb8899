-- The status that an event of this type moves an interaction to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.interaction_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'InteractionRequested' THEN 'pending'
           WHEN 'InteractionResponded' THEN 'responded'
           WHEN 'InteractionTimedOut' THEN 'timeout'
           WHEN 'InteractionFailed' THEN 'error'
           WHEN 'InteractionReopened' THEN 'pending'
           WHEN 'InteractionCanceled' THEN 'cancelled' END
$$;
