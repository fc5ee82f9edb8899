-- No base backup was noted for long.
--
-- `runfold backup noted` is the operator's mark that one was made. A log younger than the limit needs none.
--
-- severity: warning
-- reads: runfold.events
-- see: how-to/back-up-and-restore.md
SELECT 'backup' AS object,
       CASE WHEN b.taken_at IS NULL THEN 'no base backup was ever noted'
            ELSE format('the last base backup that was noted is of %%s UTC', to_char(b.taken_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) END AS problem,
       'make one, then `runfold backup noted`' AS remedy
  FROM (SELECT max(taken_at) AS taken_at FROM runfold.backups) AS b
 CROSS JOIN (SELECT recorded_at FROM runfold.events ORDER BY position LIMIT 1) AS first
 WHERE coalesce(b.taken_at, first.recorded_at) < clock_timestamp() - make_interval(secs => %(backup_age_seconds)s)
