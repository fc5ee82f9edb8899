-- idle_executions: executions that should be at work and were not seen for so long, the longest first. What waits for a person or for
-- its time is not idle. An end that is not folded yet is one.
-- Parameters: idle (seconds), limit.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, s.last_seen,
       extract(epoch FROM clock_timestamp() - s.last_seen)::float8 AS idle_seconds
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 CROSS JOIN LATERAL runfold.execution_last_seen(x.execution_id) AS s (last_seen)
 WHERE x.status IN ('NEW', 'RUNNING')
   -- In this order: the stream is read of the idle ones alone.
   AND CASE WHEN s.last_seen <= clock_timestamp() - make_interval(secs => %(idle)s) THEN NOT runfold.has_ended(x.execution_id)
            ELSE false END
 ORDER BY s.last_seen, x.execution_id
 LIMIT %(limit)s
