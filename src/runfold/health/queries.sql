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
