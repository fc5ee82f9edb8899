-- deployments: a page of the workflows' deployments, newest first, by keyset (started_at descending, id).
-- Parameters, each but limit may be null: workflow, status (of to_status), after_time and after_id (both or none), limit.
SELECT d.id, d.deployment_id, d.workflow_id, w.name AS workflow, d.deployment_action, d.from_status, d.to_status,
       d.deployment_version, d.triggered_by, d.started_at, d.completed_at, d.error_message, d.deployment_logs,
       d.last_event_position
  FROM public.workflow_deployment_history d
  LEFT JOIN public.workflows w ON w.id = d.workflow_id
 WHERE (%(workflow)s::uuid IS NULL OR d.workflow_id = %(workflow)s)
   AND (%(status)s::text IS NULL OR d.to_status = %(status)s)
   AND (%(after_time)s::timestamptz IS NULL
        OR d.started_at <= %(after_time)s AND (d.started_at < %(after_time)s OR d.id > %(after_id)s::uuid))
 ORDER BY d.started_at DESC, d.id
 LIMIT %(limit)s
