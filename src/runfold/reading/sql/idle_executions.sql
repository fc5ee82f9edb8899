-- idle_executions: executions that should be at work but have no event for so long, the longest first. An execution that waits for a
-- person or a time is not idle; one that has ended is not idle either, even if its end is not folded yet.
-- Parameters: idle (seconds), limit.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, s.last_seen,
       extract(epoch FROM clock_timestamp() - s.last_seen)::float8 AS idle_seconds
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 CROSS JOIN LATERAL runfold.execution_last_seen(x.execution_id) AS s (last_seen)
 WHERE x.status IN ('NEW', 'RUNNING')
   -- CASE keeps this order, so that only the streams of idle executions are read.
   AND CASE WHEN s.last_seen <= clock_timestamp() - make_interval(secs => %(idle)s) THEN NOT runfold.has_ended(x.execution_id)
            ELSE false END
 ORDER BY s.last_seen, x.execution_id
 LIMIT %(limit)s
