-- terminate_leader: ends the connections of a leader whose pulse stopped in this epoch; a pid that was given to another
-- connection meanwhile is left alone.
-- Parameters: epoch.
SELECT pg_terminate_backend(a.pid)
  FROM runfold.leader l
 CROSS JOIN jsonb_array_elements(l.backends) AS b (backend)
  JOIN pg_stat_activity a ON a.pid = (b.backend ->> 0)::integer AND a.backend_start::text = b.backend ->> 1
 WHERE l.epoch = %(epoch)s
