-- execution: one execution, whole. Parameters: execution_id.
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT x.*, w.name AS workflow
  FROM {tables}.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = %(execution_id)s
