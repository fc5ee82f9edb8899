-- Whether the vocabulary lets an interaction move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.interaction_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'pending' THEN target IN ('error', 'responded', 'timeout', 'cancelled')
           WHEN 'error' THEN target IN ('pending')
           ELSE false END
$$;
