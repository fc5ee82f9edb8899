-- The path to the types of a call's events that has_claim_rule is true of.
--
-- grant: nobody
CREATE FUNCTION runfold.claiming_events() RETURNS jsonpath
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '$[*].events[*].type ? (@ starts with "Pause" || @ starts with "Trigger" || @ starts with "Workflow" || @ == "ExecutionSucceeded" || @ == "ExecutionFailed" || @ == "ExecutionCanceled" || @ == "ExecutionTimedOut" || @ == "ExecutionDeclaredLost")'::jsonpath
$$;
