-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

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
-- The pulse of the leader, for who waits to lead.
SELECT epoch, beat FROM runfold.leader

-- name: make_api_log_months
-- Makes the missing partitions of external_api_call_logs; returns how many.
SELECT runfold.make_api_log_months()

-- name: sample_table_sizes
-- Notes the size of each table, once a day; returns how many were noted.
SELECT runfold.sample_table_sizes()
