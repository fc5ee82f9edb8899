-- The triggers of workflows: those that are deployed, and the nodes that are to become some.
CREATE VIEW public.workflow_triggers WITH (security_invoker = true) AS
    SELECT coalesce(t.workflow_id, n.workflow_id) AS workflow_id, coalesce(t.user_id, n.user_id) AS user_id,
           coalesce(t.node_id, n.node_id) AS node_id, t.name, n.name AS node_name,
           coalesce(t.trigger_subtype, n.node_subtype) AS trigger_subtype, t.index_key,
           coalesce(t.trigger_config, n.parameters) AS trigger_config, t.deployment_status,
           coalesce(t.is_active, false) AS is_active, t.id IS NOT NULL AS is_deployed, n.id IS NOT NULL AS is_defined
      FROM public.trigger_index t
      FULL JOIN (SELECT n.id, n.workflow_id, n.user_id, n.node_id, n.node_subtype, n.name, n.parameters
                   FROM public.nodes n
                  WHERE n.node_type = 'TRIGGER') AS n
        ON n.workflow_id = t.workflow_id AND n.node_id = t.node_id;

COMMENT ON VIEW public.workflow_triggers IS
    'The triggers of each workflow: as they are deployed, and the nodes of type TRIGGER that its definition has.';
COMMENT ON COLUMN public.workflow_triggers.is_deployed IS 'Whether the deployment has registered it; only then can it be active.';
COMMENT ON COLUMN public.workflow_triggers.is_defined IS 'Whether the definition has a node for it still.';

GRANT SELECT ON public.workflow_triggers
    TO authenticated, runfold_engine, runfold_operator, runfold_scheduler, runfold_agent, runfold_reader, service_role;
