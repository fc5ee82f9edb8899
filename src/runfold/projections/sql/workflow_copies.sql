-- workflow_copies: workflows whose copy of workflow_status differs and is not noted as stale. deployed_by may be null where
-- the user is gone.
SELECT w.id::text, n.name, to_jsonb(w) ->> n.name, to_jsonb(s) ->> n.name
  FROM public.workflows w
  JOIN public.workflow_status s ON s.workflow_id = w.id
 CROSS JOIN unnest(ARRAY['latest_execution_id', 'latest_execution_status', 'latest_execution_time', 'deployment_status',
                         'deployed_at', 'deployed_by', 'undeployed_at', 'deployment_version', 'deployment_config']) AS n (name)
 WHERE to_jsonb(w) ->> n.name IS DISTINCT FROM to_jsonb(s) ->> n.name
   AND NOT (n.name = 'deployed_by' AND w.deployed_by IS NULL)
   AND NOT EXISTS (SELECT FROM runfold.stale_workflows t WHERE t.workflow_id = w.id)
 ORDER BY w.id, n.name
