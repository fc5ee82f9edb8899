-- execution_children: the executions that an execution started, oldest first. Parameters: execution_id, limit.
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, x.start_time, x.end_time, x.duration_ms, x.error_message,
       x.created_at
  FROM {tables}.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.parent_execution_id = %(execution_id)s
 ORDER BY x.created_at, x.id
 LIMIT %(limit)s
