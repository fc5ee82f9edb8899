-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: archive_policies
-- How long the streams of each category stay in the log.
SELECT r.category, r.keep FROM runfold.retention r WHERE r.kind = 'archive' ORDER BY r.category

-- name: bytes_a_row
-- About how many bytes a row of a table takes, with its partitions and indexes; null where it was never analyzed. Parameters: table.
SELECT sum(pg_total_relation_size(t.relid)) / nullif(sum(greatest(c.reltuples, 0)), 0)
  FROM pg_partition_tree(to_regclass(%(table)s)) AS t
  JOIN pg_class c ON c.oid = t.relid
 WHERE t.isleaf

-- name: categories
-- The categories that streams may have.
SELECT DISTINCT t.category FROM runfold.event_types t ORDER BY t.category

-- name: expired_rows_of
-- How many rows of a table would have expired if they were kept so long. Parameters: table, keep.
SELECT runfold.expired_rows(%(table)s, %(keep)s)

-- name: set_archive_policy
-- Enters how long the streams of a category stay in the log. Parameters: category, keep (null: for ever).
SELECT runfold.set_archive_policy(%(category)s, %(keep)s)

-- name: append_due_timeouts
-- Appends the timeouts and warnings that are due by the database's clock, once each; returns them.
-- Parameters: limit, remind_before (seconds).
SELECT stream_id, type, pause
  FROM runfold.append_due_timeouts(%(limit)s, make_interval(secs => %(remind_before)s))

-- name: beat
-- The leader lives; publishes the safe head for readers on a replica. No row: another epoch has begun.
-- Parameters: epoch, head.
WITH published AS (
    UPDATE runfold.published_head
       SET position = greatest(position, %(head)s), published_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM runfold.leader WHERE epoch = %(epoch)s)
)
UPDATE runfold.leader SET beat = beat + 1, beat_at = clock_timestamp() WHERE epoch = %(epoch)s RETURNING beat

-- name: close_questions
-- Closes questions of executions that have ended, among the next open ones; returns how many, and how far it looked.
-- Parameters: after (null: from the first).
SELECT closed, reached FROM runfold.close_questions(%(after)s)

-- name: due_retention
-- The table whose rows are to be removed next: its last run was a day ago, or a partition of it waits to be dropped.
SELECT r.table_name
  FROM runfold.retention r
 WHERE (r.ran_at < clock_timestamp() - interval '1 day' OR r.blocked_since IS NOT NULL)
   AND r.kind = 'table' AND r.keep IS NOT NULL AND to_regclass(r.table_name) IS NOT NULL
 ORDER BY r.blocked_since IS NOT NULL, r.ran_at, r.table_name
 LIMIT 1

-- name: expire
-- Removes a part of what has expired in a table; returns how many rows, and whether nothing is left to do. Parameters: table, most.
SELECT removed, done FROM runfold.expire(%(table)s, NULL, %(most)s)

-- name: expired_rows
-- How many rows of a table have expired and stand. Parameters: table.
SELECT runfold.expired_rows(%(table)s)

-- name: copy_present_prices
-- Copies the prices that are valid now to their models; returns how many changed.
SELECT runfold.copy_present_prices()

-- name: group_positions
-- How far each group is, and why it waits for an operator; a group without a checkpoint is at 0.
-- Parameters: groups (text[]).
SELECT g.name, coalesce(c.position, 0), c.stopped_error
  FROM unnest(%(groups)s::text[]) AS g (name)
  LEFT JOIN runfold.checkpoints c ON c.group_name = g.name

-- name: lock_holder
-- The session that holds a session lock of the log: its pid, role and application name. Parameters: number.
SELECT l.pid, a.usename, a.application_name
  FROM pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.classid = 'runfold.events'::regclass::oid AND l.objid = %(number)s AND l.objsubid = 2

-- name: ensure_partitions
-- Makes partitions of the log until so many lie ahead of the head; returns how many it made. Parameters: spare.
SELECT runfold.ensure_partitions(%(spare)s)

-- name: make_log_partition
-- Makes the partition of workflow_execution_logs for a month. Parameters: month.
SELECT runfold.make_log_partition(%(month)s)

-- name: missing_log_months
-- The months that workflow_execution_logs has no partition for, from the last one on.
SELECT month FROM runfold.missing_log_months() AS month

-- name: retention
-- What is entered for each table. Parameters: count (whether the rows that have expired are counted).
SELECT r.table_name AS table, r.column_name AS column, r.group_name AS "group", to_regclass(r.table_name) IS NOT NULL AS exists,
       r.keep, r.cutoff, r.ran_at, r.blocked_since, CASE WHEN %(count)s THEN runfold.expired_rows(r.table_name) END AS expired
  FROM runfold.retention r
 WHERE r.kind = 'table'
 ORDER BY r.table_name

-- name: set_retention
-- Enters how long the rows of a table are kept. Parameters: table, keep (null: for ever).
UPDATE runfold.retention SET keep = %(keep)s WHERE table_name = %(table)s

-- name: streams_at
-- The streams of the first events from some positions on. Parameters: positions (bigint[]).
SELECT DISTINCT e.stream_id
  FROM unnest(%(positions)s::bigint[]) AS p (position)
 CROSS JOIN LATERAL (SELECT stream_id FROM runfold.events e WHERE e.position >= p.position ORDER BY e.position LIMIT 1) AS e

-- name: take_lead
-- Begins a new epoch under this worker. The caller holds the leader's lock.
-- Parameters: worker, pids (int[]: its connections).
UPDATE runfold.leader
   SET epoch = epoch + 1, beat = 0, worker = %(worker)s, led_since = clock_timestamp(), beat_at = clock_timestamp(),
       backends = (SELECT coalesce(jsonb_agg(jsonb_build_array(a.pid, a.backend_start::text)), '[]')
                     FROM pg_stat_activity a
                    WHERE a.pid = ANY (%(pids)s))
RETURNING epoch

-- name: terminate_leader
-- Ends the connections of a leader whose pulse stopped in this epoch; a pid that was given to another
-- connection meanwhile is left alone.
-- Parameters: epoch.
SELECT pg_terminate_backend(a.pid)
  FROM runfold.leader l
 CROSS JOIN jsonb_array_elements(l.backends) AS b (backend)
  JOIN pg_stat_activity a ON a.pid = (b.backend ->> 0)::integer AND a.backend_start::text = b.backend ->> 1
 WHERE l.epoch = %(epoch)s

-- name: try_lock
-- log_locks: tries the session lock of the log with this number: 1 an idle worker, 2 the leader.
-- Parameters: number.
SELECT pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, %(number)s)

-- name: unlock
-- Gives a session lock of the log back.
-- Parameters: number.
SELECT pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, %(number)s)

-- name: watch_leader
-- The pulse of the leader, and the schema's stamp, for who waits to lead.
SELECT epoch, beat, obj_description(to_regnamespace('runfold'), 'pg_namespace') FROM runfold.leader

-- name: make_api_log_months
-- Makes the missing partitions of external_api_call_logs; returns how many.
SELECT runfold.make_api_log_months()

-- name: sample_table_sizes
-- Notes the size of each table, once a day; returns how many were noted.
SELECT runfold.sample_table_sizes()

-- name: archive_is_due
-- Whether an archive policy is on whose last run was a day ago.
SELECT EXISTS (SELECT FROM runfold.retention r
                WHERE r.kind = 'archive' AND r.keep IS NOT NULL AND r.ran_at < clock_timestamp() - interval '1 day')

-- name: note_archive_run
-- Notes that the daily run of the archive has ended.
SELECT runfold.note_archive_run()

-- name: closed_partition
-- The first partition of the log that is full, settled, not frozen yet, and this login's to vacuum. Parameters: head (settled).
SELECT p.oid::bigint, p.name
  FROM (SELECT c.oid, c.relowner, format('%%I.%%I', n.nspname, c.relname) AS name,
               substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint AS upto
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE i.inhparent = 'runfold.events'::regclass) AS p
 WHERE p.upto <= %(head)s AND pg_has_role(p.relowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM runfold.frozen_partitions f WHERE f.partition = p.oid)
 ORDER BY p.upto
 LIMIT 1

-- name: is_all_visible
-- Whether vacuum left no page of a table to do. Parameters: partition.
SELECT c.relallvisible >= c.relpages FROM pg_class c WHERE c.oid = %(partition)s::bigint::oid

-- name: note_frozen
-- Notes that a partition was frozen, and forgets those that are gone. Parameters: partition, name.
WITH gone AS (DELETE FROM runfold.frozen_partitions f WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = f.partition))
INSERT INTO runfold.frozen_partitions (partition, name) VALUES (%(partition)s::bigint::oid, %(name)s) ON CONFLICT DO NOTHING
