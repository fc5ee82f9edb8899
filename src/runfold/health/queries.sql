-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: sampling_rights
-- What a session may ask besides: whether the sizes of WAL's files, and where the data is, if it may know.
SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE'),
       (SELECT setting FROM pg_settings WHERE name = 'data_directory')

-- name: parts
-- What the schema has of tables that a former one lacks, each a part of the sample: name, whether it is there.
SELECT p.name, to_regclass('runfold.' || p.name) IS NOT NULL
  FROM unnest(%(names)s::text[]) AS p (name)

-- name: part_archives
-- How far the log is archived, and how much of it.
UNION ALL SELECT 'archived_position', NULL, coalesce(max(a.to_position) FILTER (WHERE a.state = 'archived'), 0) FROM runfold.archives a
UNION ALL SELECT 'archived_events', NULL, coalesce(sum(a.left_events), 0) FROM runfold.archives a

-- name: part_backfills
-- The steps behind a migration that have not ended.
UNION ALL SELECT 'backfills_pending', NULL, count(*) FROM runfold.backfills b WHERE b.finished_at IS NULL
UNION ALL SELECT 'backfill_age_seconds', NULL, coalesce(extract(epoch FROM clock_timestamp() - min(b.entered_at)), 0)
            FROM runfold.backfills b WHERE b.finished_at IS NULL

-- name: part_backups
-- The last backup that was noted; none, where none was.
UNION ALL SELECT 'backup_age_seconds', NULL, extract(epoch FROM clock_timestamp() - b.taken_at)
            FROM (SELECT max(n.taken_at) AS taken_at FROM runfold.backups n) AS b WHERE b.taken_at IS NOT NULL

-- name: part_seals
-- How far the log is sealed, and the age of the first settled event behind that.
UNION ALL SELECT 'sealed_position', NULL, s.position FROM (SELECT coalesce(max(l.last_position), 0) FROM runfold.seals l) AS s (position)
UNION ALL SELECT 'seal_age_seconds', NULL,
                 coalesce((SELECT extract(epoch FROM clock_timestamp() - e.recorded_at) FROM runfold.events e, head h
                            WHERE e.position > s.position AND e.position <= h.safe ORDER BY e.position LIMIT 1), 0)
            FROM (SELECT coalesce(max(l.last_position), 0) FROM runfold.seals l) AS s (position)

-- name: limit_time
-- Ends each statement of this transaction after so many milliseconds. Parameters: milliseconds.
SELECT set_config('statement_timeout', %(milliseconds)s::text, true)

-- name: wal_bytes
-- The bytes of WAL that the server keeps; put into `sample` where the session may ask.
(SELECT sum(w.size) FROM pg_ls_waldir() AS w)

-- name: begin_check
-- Lets the rest of this transaction read only, for no longer than the limit; sets nothing beyond it. Parameters: limit.
SELECT pg_catalog.set_config('transaction_read_only', 'on', true), pg_catalog.set_config('statement_timeout', %(limit)s, true),
       pg_catalog.set_config('lock_timeout', '1s', true), pg_catalog.set_config('search_path', 'pg_catalog', true),
       pg_catalog.set_config('TimeZone', 'UTC', true), pg_catalog.set_config('client_encoding', 'UTF8', true)

-- name: has_role
-- Whether the session has a predefined role, and its login. Parameters: role.
SELECT pg_catalog.pg_has_role(%(role)s, 'USAGE') AS has, current_user AS login

-- name: hidden_tables
-- Those of these tables whose rows policies may hide from the session. Parameters: tables (text[]).
SELECT t::text AS table_name FROM runfold.hidden_tables(%(tables)s::text[]::regclass[]) AS t

-- name: is_standby
-- Whether the server is a standby.
SELECT pg_catalog.pg_is_in_recovery()

-- name: safe_head
-- The position up to which the log is settled.
SELECT runfold.safe_head() AS position

-- name: data_directory
-- The server's data directory; null for a login that is not shown it.
SELECT (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory') AS folder

-- name: growth
-- How many bytes the tables grow a day, by the samples of the last week; null without two of them. What WAL may take.
WITH sums AS (
    SELECT day, sum(bytes) AS bytes FROM runfold.table_size_samples
     WHERE day > (clock_timestamp() AT TIME ZONE 'UTC')::date - 9 GROUP BY day
), ends AS (
    SELECT min(day) AS first, max(day) AS last FROM sums
)
SELECT ((b.bytes - a.bytes) / (e.last - e.first))::float8 AS bytes_a_day, w.bytes AS max_wal_bytes
  FROM (SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS bytes) AS w
  LEFT JOIN ends e ON e.last > e.first
  LEFT JOIN sums a ON a.day = e.first
  LEFT JOIN sums b ON b.day = e.last

-- name: log_end
-- The last event of the log; 0 without one.
SELECT coalesce(max(e.position), 0) AS position, max(e.recorded_at) AS recorded_at
  FROM (SELECT position, recorded_at FROM runfold.events ORDER BY position DESC LIMIT 1) AS e

-- name: identity
-- Which log this is.
SELECT id FROM runfold.log_identity

-- name: erased_tenants
-- The tenants of which this database knows that they were erased.
SELECT user_id FROM runfold.erased_tenants

-- name: note_backup
-- Notes a base backup; no row for a time in the future. Parameters: at (null: now), label.
INSERT INTO runfold.backups AS b (taken_at, label)
SELECT t.at, %(label)s
  FROM (SELECT coalesce(%(at)s::timestamptz, now())) AS t (at)
 WHERE t.at <= clock_timestamp()
    ON CONFLICT (taken_at) DO UPDATE SET label = EXCLUDED.label, noted_at = EXCLUDED.noted_at, noted_by = EXCLUDED.noted_by
RETURNING b.taken_at, b.label, b.noted_at, b.noted_by

-- name: backups
-- The base backups that were noted, the newest first. Parameters: limit.
SELECT taken_at, label, noted_at, noted_by FROM runfold.backups ORDER BY taken_at DESC LIMIT %(limit)s

-- name: archived_events
-- How many events are in the archive only.
SELECT coalesce(sum(left_events), 0)::bigint AS events FROM runfold.archives

-- name: sealed
-- Up to where the log is sealed; null: it is not.
SELECT max(last_position) AS position FROM runfold.seals
