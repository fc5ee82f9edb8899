-- execution: one execution, whole. Parameters: execution_id.
SELECT x.*, w.name AS workflow
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = %(execution_id)s
