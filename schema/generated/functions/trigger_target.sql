-- The status that an event of this type moves a trigger to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.trigger_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'TriggerRegistered' THEN 'pending'
           WHEN 'TriggerActivated' THEN 'active'
           WHEN 'TriggerDeactivated' THEN 'inactive'
           WHEN 'TriggerFailed' THEN 'failed' END
$$;
