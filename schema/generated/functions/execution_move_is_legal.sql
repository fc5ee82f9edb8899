-- Whether the vocabulary lets an execution move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.execution_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'NEW' THEN target IN ('RUNNING', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'RUNNING' THEN target IN ('PAUSED', 'WAITING_FOR_HUMAN', 'SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'PAUSED' THEN target IN ('RUNNING', 'WAITING_FOR_HUMAN', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'WAITING_FOR_HUMAN' THEN target IN ('RUNNING', 'PAUSED', 'ERROR', 'CANCELED', 'TIMEOUT')
           ELSE false END
$$;
