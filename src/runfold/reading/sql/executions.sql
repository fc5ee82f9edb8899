-- executions: a page of executions, newest first (created_at descending, id).
-- Parameters, each but limit may be null: status, workflow, mode, trigger, parent, since, until, min_duration (ms), error (a
-- LIKE pattern), after_time and after_id (both or none), limit. It is planned with their values, so a null costs nothing.
SELECT x.id, x.execution_id, x.workflow_id, w.name AS workflow, x.user_id, x.status, x.mode, x.trigger_subtype, x.parent_execution_id,
       x.start_time, x.end_time, x.duration_ms, x.error_message, x.created_at, x.updated_at, x.last_event_position
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE (%(status)s::text IS NULL OR x.status = %(status)s)
   AND (%(workflow)s::uuid IS NULL OR x.workflow_id = %(workflow)s)
   AND (%(mode)s::text IS NULL OR x.mode = %(mode)s)
   AND (%(trigger)s::text IS NULL OR x.trigger_subtype = %(trigger)s)
   AND (%(parent)s::text IS NULL OR x.parent_execution_id = %(parent)s)
   AND (%(since)s::timestamptz IS NULL OR x.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR x.created_at < %(until)s)
   AND (%(min_duration)s::bigint IS NULL OR x.duration_ms >= %(min_duration)s)
   AND (%(error)s::text IS NULL OR x.error_message ILIKE %(error)s)
   AND (%(after_time)s::timestamptz IS NULL
        OR x.created_at <= %(after_time)s AND (x.created_at < %(after_time)s OR x.id > %(after_id)s::uuid))
 ORDER BY x.created_at DESC, x.id
 LIMIT %(limit)s
