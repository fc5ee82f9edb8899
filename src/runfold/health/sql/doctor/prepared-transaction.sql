-- A prepared transaction was left open.
--
-- It holds its locks, and keeps dead rows of all tables from being removed.
--
-- severity: warning
-- also: after-restore
-- see: how-to/run-the-worker.md
SELECT 'prepared transaction ' || p.gid AS object,
       format('it is open since %%s UTC in database %%s', to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), p.database) AS problem,
       format('COMMIT PREPARED %%L, or ROLLBACK PREPARED %%1$L', p.gid) AS remedy
  FROM pg_prepared_xacts p
 WHERE p.prepared < clock_timestamp() - make_interval(secs => %(transaction_seconds)s)
