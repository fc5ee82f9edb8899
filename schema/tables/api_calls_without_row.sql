-- Calls whose execution or node cannot be found: there are no foreign keys that would say so.
CREATE VIEW public.api_calls_without_row WITH (security_invoker = true) AS
    SELECT c.called_at, c.id, c.user_id, c.provider, c.operation, c.workflow_execution_id, c.node_id,
           c.workflow_execution_id IS NOT NULL AND x.id IS NULL AS execution_is_missing,
           c.node_id IS NOT NULL AND n.id IS NULL AS node_is_missing
      FROM public.external_api_call_logs c
      LEFT JOIN public.workflow_executions x ON x.id = c.workflow_execution_id
      LEFT JOIN public.nodes n ON n.id = c.node_id
     WHERE (c.workflow_execution_id IS NOT NULL AND x.id IS NULL) OR (c.node_id IS NOT NULL AND n.id IS NULL);

COMMENT ON VIEW public.api_calls_without_row IS
    'Calls of other services whose execution or node has no row: it was deleted, was never there, or is not folded yet.';

GRANT SELECT ON public.api_calls_without_row TO runfold_operator, runfold_reader, service_role;
