-- Whether events of a type may have a rule in runfold.claim_rules.
--
-- grant: nobody
CREATE FUNCTION runfold.has_claim_rule(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.starts_with(type, 'Pause') OR pg_catalog.starts_with(type, 'Trigger') OR pg_catalog.starts_with(type, 'Workflow') OR type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
$$;
