-- What ran, and for whom
SELECT x.execution_id, x.status, x.mode, x.duration_ms,
       x.parent_execution_id AS parent
  FROM workflow_executions x
 ORDER BY x.created_at
