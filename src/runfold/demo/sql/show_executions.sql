-- What ran, and for whom
SELECT w.name AS workflow, x.execution_id, x.status, x.mode, x.duration_ms, x.parent_execution_id AS parent
  FROM workflow_executions x JOIN workflows w ON w.id = x.workflow_id
 ORDER BY x.created_at
