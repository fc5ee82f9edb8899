-- Whether events of a type end their execution; it is inlined where it is asked.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.ends_execution(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
$$;
