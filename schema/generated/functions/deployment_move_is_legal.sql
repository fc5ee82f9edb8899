-- Whether the vocabulary lets a workflow's deployment move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.deployment_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'IDLE' THEN target IN ('DEPLOYING')
           WHEN 'UNDEPLOYED' THEN target IN ('DEPLOYING')
           WHEN 'DEPLOYMENT_FAILED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'DEPLOYING' THEN target IN ('DEPLOYMENT_FAILED', 'DEPLOYED')
           WHEN 'DEPLOYED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'UNDEPLOYING' THEN target IN ('UNDEPLOYED', 'DEPLOYMENT_FAILED')
           ELSE false END
$$;
