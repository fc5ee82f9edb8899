-- The server cannot archive its WAL.
--
-- Without it no point in time can be restored, and the WAL stays on the disk.
--
-- severity: error
-- see: how-to/back-up-and-restore.md
SELECT 'server' AS object,
       format('WAL %%s could not be archived at %%s UTC, %%s failures', a.last_failed_wal, to_char(a.last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), a.failed_count) AS problem,
       'look at the log of the server and at archive_command' AS remedy
  FROM pg_stat_archiver a
 WHERE a.last_failed_time > coalesce(a.last_archived_time, '-infinity') AND current_setting('archive_mode') <> 'off'
