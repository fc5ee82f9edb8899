-- Whether the vocabulary lets a trigger move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.trigger_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('pending')
           WHEN 'pending' THEN target IN ('active', 'failed')
           WHEN 'active' THEN target IN ('inactive')
           WHEN 'inactive' THEN target IN ('active')
           WHEN 'failed' THEN target IN ('pending')
           ELSE false END
$$;
