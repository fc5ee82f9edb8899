-- Whether the vocabulary lets an execution move so.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.execution_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'NEW' THEN target IN ('RUNNING', 'CANCELED', 'ERROR')
           WHEN 'RUNNING' THEN target IN ('SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT', 'PAUSED', 'WAITING_FOR_HUMAN')
           WHEN 'PAUSED' THEN target IN ('RUNNING', 'WAITING_FOR_HUMAN', 'CANCELED', 'TIMEOUT', 'ERROR')
           WHEN 'WAITING_FOR_HUMAN' THEN target IN ('RUNNING', 'PAUSED', 'CANCELED', 'TIMEOUT', 'ERROR')
           ELSE false END
$$;
