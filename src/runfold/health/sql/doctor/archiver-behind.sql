-- WAL that is complete waits to be archived for long.
--
-- severity: warning
-- where: primary
-- see: how-to/back-up-and-restore.md
SELECT 'server' AS object,
       format('%%s files of WAL wait to be archived; the last one was at %%s UTC', w.waiting, coalesce(to_char(a.last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), 'no time')) AS problem,
       'look at the log of the server, at archive_command and at the place that it writes to' AS remedy
  FROM pg_stat_archiver a
 CROSS JOIN LATERAL (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes) AS s
 CROSS JOIN LATERAL (
     SELECT ((pg_current_wal_lsn() - '0/0'::pg_lsn) / s.bytes)::bigint
            - CASE WHEN a.last_archived_wal ~ '^[0-9A-F]{24}$'
                   THEN ('x' || substr(a.last_archived_wal, 9, 8))::bit(32)::bigint * (4294967296 / s.bytes)
                        + ('x' || substr(a.last_archived_wal, 17, 8))::bit(32)::bigint + 1 ELSE 0 END AS waiting) AS w
 WHERE current_setting('archive_mode') <> 'off' AND w.waiting > 0
   AND coalesce(a.last_archived_time, pg_postmaster_start_time()) < clock_timestamp() - make_interval(secs => %(wal_archive_age_seconds)s)
