-- Whether the vocabulary lets a node move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.node_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('PENDING', 'RUNNING', 'SUCCESS', 'SKIPPED')
           WHEN 'PENDING' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED')
           WHEN 'RUNNING' THEN target IN ('RUNNING', 'RETRYING', 'WAITING_INPUT', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED')
           WHEN 'RETRYING' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'CANCELED')
           WHEN 'WAITING_INPUT' THEN target IN ('RUNNING', 'RETRYING', 'SUCCESS', 'ERROR', 'CANCELED')
           ELSE false END
$$;
