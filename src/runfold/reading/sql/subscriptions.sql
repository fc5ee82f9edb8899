-- The subscriptions that keep a bookmark by name: how far each is, how far behind the safe head, and who has it.
-- Parameters: name (null: all), counted (the most events of a lag).
SELECT s.name, s.position, s.event_id, s.filters, s.created_at, s.moved_at, b.count AS lag, b.count < %(counted)s AS lag_is_exact,
       extract(epoch FROM clock_timestamp() - b.recorded_at)::double precision AS lag_seconds,
       s.failed_code, s.failed_error, s.failed_since, s.failed_tries, h.pid AS holder_pid, h.usename AS holder_role,
       h.application_name AS holder,
       CASE WHEN s.restored_position IS NOT NULL THEN s.restored_position
            WHEN NOT pg_is_in_recovery() AND s.server <> (SELECT runfold.server_identity()) THEN s.position END AS restored_position
  FROM (SELECT runfold.safe_head() AS position OFFSET 0) AS head
 CROSS JOIN runfold.subscriptions s
 CROSS JOIN LATERAL (
     SELECT count(*), min(e.recorded_at) AS recorded_at
       FROM (SELECT x.recorded_at FROM runfold.events x
              WHERE x.position > s.position AND x.position <= head.position
              ORDER BY x.position
              LIMIT %(counted)s) AS e) AS b
  LEFT JOIN LATERAL (
     SELECT l.pid, a.usename, a.application_name
       FROM pg_catalog.pg_locks l
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32 | l.objid::bigint) = runfold.subscription_lock(s.name)
      LIMIT 1) AS h ON true
 WHERE %(name)s::text IS NULL OR s.name = %(name)s
 ORDER BY s.name
