-- idle_executions: executions that should be at work but have no event for so long, the longest first, and those whose engine is silent.
-- An execution that waits for a person or a time is not idle; nor is one whose engine beats, and one that has ended, even if its end is
-- not folded yet.
-- Parameters: idle (seconds), limit.
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.status, s.last_seen,
       extract(epoch FROM clock_timestamp() - s.last_seen)::float8 AS idle_seconds, e.name AS engine
  FROM public.workflow_executions x
  LEFT JOIN runfold.holds h ON h.execution_id = x.execution_id
  LEFT JOIN runfold.engines e ON e.engine_id = h.engine_id
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 CROSS JOIN LATERAL runfold.execution_last_seen(x.execution_id) AS s (last_seen)
 WHERE x.status IN ('NEW', 'RUNNING')
   -- CASE keeps this order, so that only the streams of idle executions are read.
   AND CASE WHEN coalesce(runfold.engine_is_silent(h.engine_id), s.last_seen <= clock_timestamp() - make_interval(secs => %(idle)s))
            THEN NOT runfold.has_ended(x.execution_id)
            ELSE false END
 ORDER BY s.last_seen, x.execution_id
 LIMIT %(limit)s
