-- executions: the newest executions, by keyset.
-- Parameters: status, workflow, limit (each but limit may be null).
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, x.mode, x.start_time, x.end_time, x.duration_ms,
       x.error_message, x.created_at, x.updated_at, x.last_event_position
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE (%(status)s::text IS NULL OR x.status = %(status)s)
   AND (%(workflow)s::uuid IS NULL OR x.workflow_id = %(workflow)s)
 ORDER BY x.created_at DESC, x.id
 LIMIT %(limit)s
