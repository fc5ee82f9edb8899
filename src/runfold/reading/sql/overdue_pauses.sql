-- overdue_pauses: pauses that are open past their timeout, and those whose interaction ended so long ago without a resumption.
-- Parameters: idle (seconds), limit.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, p.name AS pause, p.paused_node_id AS node_id, p.timeout_at,
       p.interaction_id, h.status AS interaction_status,
       CASE WHEN p.timeout_at <= clock_timestamp() THEN 'past its time' ELSE 'not resumed' END AS reason, s.last_seen,
       extract(epoch FROM clock_timestamp() - s.last_seen)::float8 AS idle_seconds,
       extract(epoch FROM clock_timestamp() - p.timeout_at)::float8 AS overdue_seconds
  FROM public.workflow_execution_pauses p
  JOIN public.workflow_executions x ON x.id = p.execution_id
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
  LEFT JOIN public.human_interactions h ON h.id = p.interaction_id
 CROSS JOIN LATERAL runfold.execution_last_seen(x.execution_id) AS s (last_seen)
 WHERE p.status = 'active'
   -- CASE keeps this order, so that only the streams of overdue pauses are read.
   AND CASE WHEN p.timeout_at <= clock_timestamp()
              OR (runfold.interaction_has_ended(h.status)
                  AND (SELECT e.recorded_at FROM runfold.events e WHERE e.position = h.last_event_position)
                      <= clock_timestamp() - make_interval(secs => %(idle)s))
            THEN EXISTS (SELECT FROM runfold.open_pauses(x.execution_id) AS o WHERE o.pause = p.name)
            ELSE false END
 ORDER BY p.timeout_at NULLS LAST, x.execution_id, p.name
 LIMIT %(limit)s
