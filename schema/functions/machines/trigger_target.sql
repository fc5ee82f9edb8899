-- The status an event moves its trigger to.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.trigger_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'TriggerRegistered' THEN 'pending'
           WHEN 'TriggerActivated' THEN 'active'
           WHEN 'TriggerDeactivated' THEN 'inactive'
           WHEN 'TriggerFailed' THEN 'failed' END
$$;
