-- A session has left its transaction open and does nothing.
--
-- It keeps dead rows of all tables from being removed; if it has appended, nothing behind it is folded.
--
-- severity: warning
-- needs: pg_read_all_stats
-- see: how-to/run-the-worker.md
SELECT 'pid ' || a.pid AS object,
       format('%%s is %%s since %%s UTC', coalesce(nullif(a.application_name, ''), 'a session'), a.state,
              to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       format('end its transaction, or SELECT pg_terminate_backend(%%s)', a.pid) AS remedy
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.state LIKE 'idle in transaction%%'
   AND a.xact_start < clock_timestamp() - make_interval(secs => %(transaction_seconds)s)
