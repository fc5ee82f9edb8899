-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.
-- The bounds of stream_version leave nothing out. Without statistics the planner expects few events between them, and so finds
-- a stream's events by the index of streams; without them it would read the index of all positions as well.

-- name: archive_state
-- What changes when events leave the log for the archive, or come back.
SELECT coalesce(sum(a.left_events), 0) || ' ' || coalesce(max(a.swapped_at)::text, '') FROM runfold.archives a

-- name: archived_after
-- The position up to which events are archived, and the first file with such behind a position; no row: none is.
-- Parameters: position.
SELECT runfold.archived_head(), a.file
  FROM runfold.archives a
 WHERE a.state = 'archived' AND a.to_position > %(position)s
 ORDER BY a.from_position
 LIMIT 1

-- name: archived_head
-- The position up to which events may be archived; 0: none is.
SELECT runfold.archived_head()

-- name: any_archived
-- Whether one of some streams is archived. Parameters: streams (text[]).
SELECT runfold.any_archived(%(streams)s)

-- name: archived_streams
-- The first of some streams that is archived, and where. Parameters: streams (text[]).
SELECT s.stream_id, runfold.archive_of_stream(s.stream_id)
  FROM runfold.streams s
 WHERE s.stream_id = ANY (%(streams)s) AND s.archived_at IS NOT NULL
 ORDER BY s.stream_id
 LIMIT 1

-- name: allow_discard
-- Allows one session to discard one event of one stream. What was allowed to sessions that have ended is forgotten.
-- Parameters: group, pid, stream, reason, by.
WITH ended AS (
    DELETE FROM runfold.allowed_discards a
     WHERE a.pid <> %(pid)s AND NOT EXISTS (SELECT FROM pg_stat_activity s WHERE s.pid = a.pid))
INSERT INTO runfold.allowed_discards AS a (group_name, pid, stream_id, reason, discarded_by)
VALUES (%(group)s, %(pid)s, %(stream)s, %(reason)s, %(by)s)
    ON CONFLICT ON CONSTRAINT allowed_discards_pkey DO UPDATE
   SET stream_id = excluded.stream_id, reason = excluded.reason, discarded_by = excluded.discarded_by

-- name: append_end
-- The end of the append that holds the last event at or before a position. Parameters: position. The runner puts in the relation
-- of events.
SELECT e.append_end FROM {events} e WHERE e.position <= %(position)s ORDER BY e.position DESC LIMIT 1

-- name: barrier_cuts
-- Cuts a batch before and after its barriers; barriers that follow each other directly stay together.
-- Parameters: after, upto, types (text[]), barriers (text[]). The relation of events and the line on parked streams are put in by the runner.
-- Returns, in order, the last position of each part, the types that occur in it, and how many events it holds.
SELECT max(r.position), array_agg(DISTINCT r.type), count(*)
  FROM (SELECT e.position, e.type,
               row_number() OVER (ORDER BY e.position)
               - row_number() OVER (PARTITION BY e.type = ANY (%(barriers)s) ORDER BY e.position) AS run,
               e.type = ANY (%(barriers)s) AS barrier
          FROM {events} e
         WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
           AND {streams}) AS r
 GROUP BY r.barrier, r.run
 ORDER BY 1

-- name: batch
-- The relation that a projection's statements fold, put in front of them.
-- Parameters: after, upto, types (text[]). The relation of events and the line on parked streams are put in by the runner; so is,
-- but for a small batch, batch_size with a fence: twice, since what is parked is to be looked up for as many events.
-- NOT MATERIALIZED: a fold that looks at it twice mostly wants some columns or rows, and reads them faster than a copy is made.
WITH batch AS NOT MATERIALIZED (
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data) AS data, e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM (SELECT e.*
              FROM (SELECT e.*
                      FROM {events} e
                     WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
                    {size} {fence}) AS e
             WHERE {streams}
            {size}) AS e
    {fence}
)

-- name: batch_bounds
-- Where the next batch of a group ends, and what is in it. A batch ends where an append ends.
-- Parameters: after, head (how far is looked), types (text[]), size (events at most, but for the rest of the last append).
-- The runner puts in the relation of events. Returns one row: events, seen (the last position looked at), last (the last position of the last append), types that occur.
SELECT coalesce(sum(n), 0)::bigint AS events, max(seen) AS seen, max(last) AS last, array_agg(type) AS types
  -- By type first: a DISTINCT over all of them would sort the batch.
  FROM (SELECT type, count(*) AS n, max(position) AS seen, max(append_end) AS last
          FROM (SELECT position, append_end, type
                  FROM {events} AS events
                 -- One row, which the planner takes for a million: so it expects more events than it is to read, and reads them
                 -- in order up to the limit. Without statistics it expects a few, and would sort all that is left of the log.
                 CROSS JOIN (SELECT FROM string_to_table('one', ',') AS a, string_to_table('row', ',') AS b OFFSET 0) AS many
                 WHERE position > %(after)s AND position <= %(head)s AND type = ANY (%(types)s)
                 ORDER BY position
                 LIMIT %(size)s) AS batch
         GROUP BY type) AS by_type

-- name: batch_events
-- How many events a batch holds. Parameters: after, upto, types (text[]). The relation of events and the line on parked streams are
-- put in by the runner.
SELECT count(*)
  FROM {events} e
 WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND {streams}

-- name: batch_size
-- Says to the planner how many events a batch holds. Parameters: expected.
-- It adds no row: the condition is false, which shows when the statement runs; so the function is not called. But the planner
-- expects as many rows of it as it would return. What the statistics of the log say, which may be old or missing, is lost among them.
UNION ALL
SELECT (none.event).*
  FROM (SELECT NULL::runfold.events AS event FROM generate_series(1, %(expected)s::bigint) WHERE (SELECT false)) AS none

-- name: batch_streams
-- The streams of a batch that are not parked and have an event in it that is not discarded, in its order.
-- Parameters: group, after, upto, types.
SELECT e.stream_id
  FROM runfold.events e
 WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND NOT EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = %(group)s AND p.stream_id = e.stream_id)
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s AND d.position = e.position)
 GROUP BY e.stream_id
 ORDER BY min(e.position)

-- name: begin_batch
-- Holds a group's checkpoint to the end of the transaction. Parameters: group.
-- Returns its position (null: it has none), whether a stream is parked or an event discarded, and the versions of its tables.
SELECT position, parked, built FROM runfold.begin_batch(%(group)s)

-- name: begin_slice
-- Notes a slice of a rebuild in the transaction that folds it; false: it is done, or it is another rebuild's.
-- Parameters: group, digest, slice.
SELECT runfold.begin_slice(%(group)s, %(digest)s, %(slice)s)

-- name: copy_archived_events
-- Takes the events of a segment.
COPY pg_temp.archived_events FROM STDIN (FORMAT binary)

-- name: drop_archived_events
-- Drops the segment that is loaded.
DROP TABLE IF EXISTS pg_temp.archived_events

-- name: forget_events_in_log
-- Of the segment that is loaded, forgets the events that are in the log. Parameters: first, last (positions).
DELETE FROM pg_temp.archived_events a
 USING runfold.events e
 WHERE e.position BETWEEN %(first)s AND %(last)s AND a.position = e.position

-- name: index_archived_events
-- Indexes the segment that is loaded as the log is, for folds.
CREATE UNIQUE INDEX ON pg_temp.archived_events (position);
CREATE INDEX ON pg_temp.archived_events (stream_id, stream_version);
ANALYZE pg_temp.archived_events

-- name: loaded_segment
-- The segment that is loaded, as note_loaded_segment notes it.
SELECT current_setting('runfold.loaded_segment', true)

-- name: make_archived_events
-- Makes an empty table for a segment of the archive.
CREATE TEMPORARY TABLE archived_events (LIKE runfold.events)

-- name: next_segment
-- The first segment with archived events behind a position, up to another. Parameters: after, upto.
SELECT a.from_position, a.to_position, a.file, a.left_events || ' ' || coalesce(a.swapped_at::text, '')
  FROM runfold.archives a
 WHERE a.state = 'archived' AND a.to_position > %(after)s AND a.from_position <= %(upto)s
 ORDER BY a.from_position
 LIMIT 1

-- name: note_loaded_segment
-- Notes which segment is loaded. Parameters: segment (a text).
SELECT set_config('runfold.loaded_segment', %(segment)s, false)

-- name: built_versions
-- The version that each table of a group was built with. Parameters: group.
SELECT name, version FROM runfold.projections WHERE group_name = %(group)s

-- name: checkpoint
-- The position of a group's checkpoint. Parameters: group.
SELECT position FROM runfold.checkpoints WHERE group_name = %(group)s

-- name: clear_verify_notes
-- Forgets the verification of a group in slices. Parameters: group. The runner puts in where the notes are.
WITH gone AS (DELETE FROM {notes}.verify_differences WHERE group_name = %(group)s)
DELETE FROM {notes}.verify_slices WHERE group_name = %(group)s

-- name: compare_all
-- The keys of all rows that differ now, nothing being locked, in a temporary table: a query that makes a table can
-- run in parallel, where one that inserts cannot. The runner puts in the names.
CREATE TEMPORARY TABLE {compared} ON COMMIT DROP AS
SELECT {either_key}
  FROM {live_seen} AS live
  FULL JOIN {shadow_seen} AS folded ON {same_key}
 WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL

-- name: copies_are_due
-- Whether a copy of workflow_status in workflows is to be made now.
SELECT EXISTS (SELECT FROM runfold.stale_workflows WHERE try_at <= clock_timestamp())

-- name: count_differences
-- How many rows of a projection are noted to differ. Parameters: group, projection. The runner puts in where the notes are.
SELECT count(*) FROM {notes}.verify_differences WHERE group_name = %(group)s AND projection = %(projection)s

-- name: deferrable_constraints
-- The constraints of these tables that may speak at commit only. Parameters: tables (text[], schema.table).
SELECT n.nspname, c.conname
  FROM pg_constraint c
  JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferrable AND c.conrelid IN (SELECT to_regclass(t.name) FROM unnest(%(tables)s::text[]) AS t (name))

-- name: delete_surplus
-- Deletes the rows that the log does not have. The runner puts in the names.
DELETE FROM {live} AS live USING {found} AS s WHERE s.surplus AND {live_is_suspect}

-- name: differences
-- The rows that are not the same in a table and in its shadow. Whole rows are compared by their images: IS DISTINCT
-- FROM would take jsonb 1.0 and 1.00 for equal. The runner puts in the names, and which rows are looked at.
-- Returns the key, what is wrong, the differing columns with (in the table, in the log) as text, and how many rows differ.
SELECT jsonb_build_object({key_pairs}),
       CASE WHEN live.{one} IS NULL THEN 'missing' WHEN folded.{one} IS NULL THEN 'surplus' ELSE 'different' END,
       (SELECT jsonb_object_agg(n.name, jsonb_build_array(to_jsonb(live) ->> n.name, to_jsonb(folded) ->> n.name))
          FROM unnest(d.names) AS n (name)),
       {counted}
  FROM {live_rows} AS live
  FULL JOIN {shadow_rows} AS folded ON {same_key}
 CROSS JOIN LATERAL (SELECT array_remove(ARRAY[{differing_columns}], NULL) AS names) AS d
 WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL
 ORDER BY 1

-- name: discard_event
-- Records that a group gives up the event at a position, as an operator allowed it to this session.
-- Parameters: group, position, sqlstate, error. Returns the event's version in its stream, and its type.
SELECT stream_version, type FROM runfold.discard_event(%(group)s, %(position)s, %(sqlstate)s, %(error)s)

-- name: discarded_in_group
-- The positions up to one whose events a group has given up, with their streams. Parameters: group, upto.
SELECT position, stream_id FROM runfold.discarded_events WHERE group_name = %(group)s AND position <= %(upto)s ORDER BY position

-- name: end_batch
-- Ends a batch that leaves the checkpoint where it is. Parameters: group.
SELECT runfold.end_batch(%(group)s)

-- name: events_between
-- How many events of some types lie between two positions, counted to a limit.
-- Parameters: after, upto, types (text[]), most.
SELECT count(*) FROM (SELECT FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)
                       LIMIT %(most)s) AS e

-- name: forbid_discard
-- Takes back what allow_discard allowed that session. Parameters: group, pid.
DELETE FROM runfold.allowed_discards WHERE group_name = %(group)s AND pid = %(pid)s

-- name: foreign_keys
-- Which of these tables refer to which others. Parameters: tables (text[], as regclass takes them).
-- Returns the referring and the referred table's place in the list, from 1.
SELECT DISTINCT array_position(t.tables, k.conrelid::oid), array_position(t.tables, k.confrelid::oid)
  FROM (SELECT %(tables)s::regclass[]::oid[] AS tables) AS t
  JOIN pg_constraint k ON k.conrelid = ANY (t.tables) AND k.confrelid = ANY (t.tables)
 WHERE k.contype = 'f' AND k.conrelid <> k.confrelid

-- name: forget_projection
-- Forgets what a table was built with, where no file folds it any more. Parameters: name.
DELETE FROM runfold.projections WHERE name = %(name)s

-- name: forget_renamed
-- They are neither surplus nor missing any more. The runner puts in the names.
DELETE FROM {found} AS s USING {renamed} AS r WHERE s.surplus AND {found_is_surplus} OR s.missing AND {found_is_missing}

-- name: found
-- Of the suspects, those that differ now. The runner puts in the names.
CREATE TEMPORARY TABLE {found} ON COMMIT DROP AS
SELECT s.*, live.{one} IS NULL AS missing, folded.{one} IS NULL AS surplus
  FROM (SELECT DISTINCT * FROM {suspects}) AS s
  LEFT JOIN {live_seen} AS live ON {live_is_suspect}
  LEFT JOIN {shadow_seen} AS folded ON {shadow_is_suspect}
 WHERE live *<> folded OR (live.{one} IS NULL) <> (folded.{one} IS NULL)

-- name: found_kinds
-- How many of the rows that differ are missing, surplus, and different. The runner puts in the names.
SELECT count(*) FILTER (WHERE missing), count(*) FILTER (WHERE surplus), count(*) FILTER (WHERE NOT missing AND NOT surplus)
  FROM {found}

-- name: gather_slice
-- Copies the events of a slice out of the log, so that each of its statements reads them alone.
-- Parameters: group, upto, types (text[]), slices, slice. The condition on the slice and on parked streams is put in by the runner.
CREATE TEMPORARY TABLE slice_events ON COMMIT DROP AS
SELECT e.* FROM runfold.events e WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s) AND {streams}

-- name: handed_events
-- What a projection in Python is given of a batch; put below the relation `batch`.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM batch
 ORDER BY position

-- name: hidden_tables
-- Those of some tables that exist, and that the session may read, whose rows may be hidden from it: the table, the role
-- that a policy is to name, and whether a RESTRICTIVE policy is what hides them. Parameters: tables (text[]).
SELECT format('%%I.%%I', n.nspname, c.relname),
       coalesce((SELECT r.name FROM unnest('{runfold_projections,runfold_projector,runfold_operator,runfold_engine,runfold_reader}'::text[])
                                    WITH ORDINALITY AS r (name, n)
                  WHERE pg_has_role(r.name, 'USAGE') ORDER BY r.n LIMIT 1), current_user),
       EXISTS (SELECT FROM pg_policy p
                WHERE p.polrelid = t.name AND NOT p.polpermissive
                  AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE')))
  FROM runfold.hidden_tables((SELECT array_agg(to_regclass(a.name))
                                FROM unnest(%(tables)s::text[]) AS a (name)
                               WHERE to_regclass(a.name) IS NOT NULL AND has_any_column_privilege(to_regclass(a.name), 'SELECT'))) AS t (name)
  JOIN pg_class c ON c.oid = t.name
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1

-- name: hold_log
-- Keeps events from leaving the log for the archive, or from coming back, to the end of the transaction.
LOCK TABLE runfold.events IN ACCESS SHARE MODE

-- name: insert_missing
-- Inserts the rows that the table lacks. The runner puts in the names.
INSERT INTO {live} ({written})
SELECT {folded_columns} FROM {shadow} AS folded JOIN {found} AS s ON {shadow_is_suspect} WHERE s.missing

-- name: insert_numbered
-- Inserts some of the rows that the table lacks. A row that another one blocks is left for later.
-- Parameters: after, upto. The runner puts in the names.
INSERT INTO {live} ({written})
SELECT {folded_columns} FROM {shadow_seen} AS folded JOIN {numbered} AS s ON {shadow_is_suspect}
 WHERE s.number > %(after)s AND s.number <= %(upto)s
    ON CONFLICT DO NOTHING

-- name: known_streams
-- Those of these streams that exist. Parameters: streams (text[]).
SELECT s.stream_id FROM runfold.streams s WHERE s.stream_id = ANY (%(streams)s)

-- name: land_rebuild
-- Lands a group's rebuild: parks what it left out, and moves a checkpoint that lies beyond the shadows back to them.
-- Parameters: group.
SELECT runfold.land_rebuild(%(group)s)

-- name: latest_of_workflows
-- The executions that may be the latest of some workflows at a position: mostly one of each workflow, and several if only
-- a fold can decide. Parameters: those of executions_of_workflows, which the caller puts in.
SELECT x.stream_id
  FROM (SELECT e.stream_id, e.latest,
               max(e.earliest) FILTER (WHERE e.plain AND e.created > e.deleted) OVER (PARTITION BY e.workflow) AS reached
          FROM ({executions}) AS e
         WHERE e.last_created > e.surely_deleted) AS x
 WHERE x.reached IS NULL OR x.latest >= x.reached

-- name: leave_out_stream
-- Leaves a stream that cannot be folded out of a rebuild. Parameters: group, stream, position, sqlstate, error.
SELECT runfold.leave_out_stream(%(group)s, %(stream)s, %(position)s, %(sqlstate)s, %(error)s)

-- name: left_out
-- What no fold of a group meets: parked streams, and discarded events, each with its position. Parameters: group.
SELECT p.stream_id, p.position FROM runfold.parked_streams p WHERE p.group_name = %(group)s
 UNION
SELECT d.stream_id, d.position FROM runfold.discarded_events d WHERE d.group_name = %(group)s
 ORDER BY 1, 2

-- name: limit_statement
-- Lets no statement of this transaction take longer. Parameters: milliseconds (text).
SELECT set_config('statement_timeout', %(milliseconds)s, true)

-- name: log_head
-- The last position that the log has issued.
SELECT last_value - (NOT is_called)::integer FROM runfold.events_position

-- name: make_suspects
-- An empty table for the keys of rows that may differ. The runner puts in the names.
CREATE TEMPORARY TABLE {suspects} AS SELECT {key_columns} FROM {live} AS live WITH NO DATA

-- name: make_verify_notes
-- Makes notes of the session's own, for a login that may not write runfold's. The runner puts in the table.
CREATE TEMPORARY TABLE IF NOT EXISTS {table} (LIKE runfold.{table} INCLUDING ALL)

-- name: may_fold_read_tables
-- The session's role, and whether it may fold runfold's groups: lead, and write their tables. Parameters: none.
SELECT current_user,
       has_table_privilege('runfold.leader', 'UPDATE') AND has_table_privilege('public.workflow_executions', 'INSERT')

-- name: may_note_slices
-- Whether this login may note which slices are verified.
SELECT has_table_privilege('runfold.verify_slices', 'INSERT') AND has_table_privilege('runfold.verify_differences', 'INSERT')

-- name: missing_tables
-- Those of some tables that do not exist. Parameters: tables (text[], with their schemas).
SELECT t.name
  FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS t (name, n)
 WHERE to_regclass(t.name) IS NULL
 ORDER BY t.n

-- name: move_checkpoint
-- Moves a group on, from where this batch started and under this leader's epoch; else false.
-- Parameters: group, after, upto, epoch.
SELECT runfold.move_checkpoint(%(group)s, %(after)s, %(upto)s, %(epoch)s)

-- name: note_built
-- Notes the version of the file that a table was rebuilt with. Parameters: group, name, version, digest.
SELECT runfold.note_built(%(group)s, %(name)s, %(version)s, %(digest)s)

-- name: note_differences
-- Notes rows that differ; returns which of them (their numbers, from 1) were not noted before, or not so.
-- A row is surplus in the slice whose stream it names, and different in the slice whose stream makes it: then it is different.
-- Parameters: group, projection, keys, kinds, columns (text[] each), derived. The runner puts in where the notes are.
WITH given AS (
    SELECT g.* FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(columns)s::text[]) WITH ORDINALITY AS g (key, kind, columns, number)
), noted AS (
    INSERT INTO {notes}.verify_differences AS d (group_name, projection, key, kind, columns, derived)
    SELECT %(group)s, %(projection)s, key::jsonb, kind, columns::jsonb, %(derived)s FROM given
        ON CONFLICT (group_name, projection, derived, key) DO UPDATE SET kind = excluded.kind, columns = excluded.columns
     WHERE d.kind = 'surplus' AND excluded.kind = 'different'
    RETURNING d.key
)
SELECT g.number FROM given g JOIN noted n ON n.key = g.key::jsonb ORDER BY g.number

-- name: note_folded
-- Notes that a group's shadows are folded from a position up to another; false where they are at another position.
-- Parameters: group, after, upto.
SELECT runfold.note_folded(%(group)s, %(after)s, %(upto)s)

-- name: note_retried
-- Notes what a group's next batch fails with, and is tried again for; since when stays as it was.
-- Parameters: group, sqlstate, error, epoch.
UPDATE runfold.checkpoints c
   SET retried_sqlstate = %(sqlstate)s, retried_error = %(error)s, retried_since = coalesce(c.retried_since, clock_timestamp())
 WHERE c.group_name = %(group)s AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)

-- name: note_slice
-- Notes a verified slice. Parameters: group, part, slice, digest, upto, position, events, rows, seconds.
-- The runner puts in where the notes are.
INSERT INTO {notes}.verify_slices (group_name, part, slice, digest, upto, position, events, rows, seconds)
VALUES (%(group)s, %(part)s, %(slice)s, %(digest)s, %(upto)s, %(position)s, %(events)s, %(rows)s, %(seconds)s)
    ON CONFLICT (group_name, part, slice) DO NOTHING

-- name: note_slow_copy
-- Notes that the first copy that is due takes too long. Parameters: sqlstate, error.
SELECT runfold.note_copy_failed(NULL, %(sqlstate)s, %(error)s)

-- name: note_waiting
-- Notes why a group waits for an operator, or that it does not (null).
-- Parameters: group, reason.
UPDATE runfold.checkpoints c
   SET stopped_sqlstate = NULL, stopped_error = %(reason)s, stopped_at = CASE WHEN %(reason)s::text IS NOT NULL THEN clock_timestamp() END
 WHERE c.group_name = %(group)s AND c.stopped_error IS DISTINCT FROM %(reason)s

-- name: noted_differences
-- The rows of a projection that are noted to differ, by key. Parameters: group, projection, limit (null: all).
-- The runner puts in where the notes are.
SELECT d.key, d.kind, d.columns
  FROM {notes}.verify_differences d
 WHERE d.group_name = %(group)s AND d.projection = %(projection)s
 ORDER BY d.derived, d.key
 LIMIT %(limit)s

-- name: noted_slices
-- The slices of a group that are verified, in order. Parameters: group, digest. The runner puts in where the notes are.
SELECT s.part, s.slice, s.upto, s.position, s.events, s.rows, s.seconds
  FROM {notes}.verify_slices s
 WHERE s.group_name = %(group)s AND s.digest = %(digest)s
 ORDER BY s.part, s.slice

-- name: number_missing
-- Numbers the suspects that the live table lacks, to insert them in parts. The runner puts in the names.
-- In the shadow's order, in which rows of a stream are neighbours: inserting them costs a third less than in the order of their keys.
CREATE TEMPORARY TABLE {numbered} AS
SELECT s.*, row_number() OVER (ORDER BY folded.ctid) AS number
  FROM (SELECT DISTINCT * FROM {suspects}) AS s
  JOIN {shadow_in_order} AS folded ON {shadow_is_suspect}
 WHERE NOT EXISTS (SELECT FROM {live} AS live WHERE {live_is_suspect})

-- name: oldest_writer
-- The oldest transaction that may still write, modulo 2^32: rows of it and of later ones came afterwards.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296)::bigint

-- name: park_stream
-- Parks a stream from a position on, with its error. Parameters: group, stream, position, sqlstate, error.
SELECT runfold.park_stream(%(group)s, %(stream)s, %(position)s, %(sqlstate)s, %(error)s)

-- name: parked_at
-- The position from which on a stream is parked in a group; no row: it is not. Parameters: group, stream.
SELECT position FROM runfold.parked_streams WHERE group_name = %(group)s AND stream_id = %(stream)s

-- name: parked_in_group
-- The parked streams of a group. Parameters: group.
SELECT stream_id FROM runfold.parked_streams WHERE group_name = %(group)s ORDER BY stream_id

-- name: positions_of
-- The positions of a stream's events of some types, in order. Parameters: stream, upto, types (text[]).
SELECT e.position
  FROM runfold.events e
 WHERE e.stream_id = %(stream)s AND e.position <= %(upto)s AND e.stream_version BETWEEN 0 AND 9223372036854775807
   AND e.type = ANY (%(types)s)
 ORDER BY e.stream_version

-- name: rebuild_begin
-- Notes a rebuild that begins. Parameters: group, digest, position, slices, events, tables (text[]), folded (whether there are no slices).
INSERT INTO runfold.rebuilds (group_name, digest, position, slices, events, tables, folded)
VALUES (%(group)s, %(digest)s, %(position)s, %(slices)s, %(events)s, %(tables)s, %(folded)s)

-- name: rebuild_extent
-- How many events of each type there are to fold. It aggregates without DISTINCT, so that it can be done in parallel.
-- Parameters: upto.
SELECT e.type, count(*) FROM runfold.events e WHERE e.position <= %(upto)s GROUP BY e.type

-- name: rebuild_folded
-- Notes that all slices are done and indexed. Parameters: group.
UPDATE runfold.rebuilds SET folded = true WHERE group_name = %(group)s

-- name: rebuild_forget
-- Forgets the rebuild of a group. Parameters: group.
WITH begun AS (DELETE FROM runfold.rebuilds WHERE group_name = %(group)s),
     parked AS (DELETE FROM runfold.rebuild_parked WHERE group_name = %(group)s)
DELETE FROM runfold.rebuild_slices WHERE group_name = %(group)s

-- name: rebuild_lock
-- Whether this session is now the only one that rebuilds a group. Parameters: key.
SELECT pg_try_advisory_lock(hashtextextended(%(key)s, 0))

-- name: rebuild_parallel
-- Lets the session that leads a rebuild count and compare in parallel. Parameters: workers, beside itself.
SELECT set_config('max_parallel_workers_per_gather', %(workers)s, false)

-- name: rebuild_park_known
-- Leaves out of a rebuild what is parked between two positions. Parameters: group, after, upto.
INSERT INTO runfold.rebuild_parked (group_name, stream_id, position, sqlstate, error)
SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error
  FROM runfold.parked_streams p
 WHERE p.group_name = %(group)s AND p.position > %(after)s AND p.position <= %(upto)s
    ON CONFLICT DO NOTHING

-- name: rebuild_parked_differ
-- Whether other streams are parked now than the shadows were folded without.
-- Parameters: group, position (that of the shadows).
SELECT EXISTS (
    SELECT
      FROM (SELECT stream_id, position FROM runfold.parked_streams WHERE group_name = %(group)s AND position <= %(position)s) AS p
      FULL JOIN (SELECT stream_id, position, found FROM runfold.rebuild_parked WHERE group_name = %(group)s AND position <= %(position)s) AS r USING (stream_id)
     WHERE NOT coalesce(r.found, false) AND p.position IS DISTINCT FROM r.position)

-- name: rebuild_parked_streams
-- What a rebuild leaves out up to a position, and whether it found that itself. Parameters: group, upto.
SELECT stream_id, found FROM runfold.rebuild_parked WHERE group_name = %(group)s AND position <= %(upto)s ORDER BY stream_id

-- name: rebuild_slices
-- The slices that are done. Parameters: group.
SELECT slice FROM runfold.rebuild_slices WHERE group_name = %(group)s

-- name: rebuild_state
-- The rebuild of a group that has not landed. Parameters: group.
SELECT digest, position, slices, events, folded FROM runfold.rebuilds WHERE group_name = %(group)s

-- name: rebuild_taken
-- Another user's group whose rebuild has shadows of one of these names. Parameters: group, tables (text[]).
SELECT r.group_name
  FROM runfold.rebuilds r
  JOIN runfold.user_groups g ON g.group_name = r.group_name
 WHERE r.group_name <> %(group)s AND r.tables && %(tables)s
 LIMIT 1

-- name: record_sample
-- Notes up to which position some streams of a projection were verified, and what was found.
-- Parameters: projection, position, streams, differences.
INSERT INTO runfold.sample_verifications AS v (projection, position, streams, differences)
VALUES (%(projection)s, %(position)s, %(streams)s, %(differences)s)
    ON CONFLICT (projection) DO UPDATE
   SET position = excluded.position, streams = excluded.streams, differences = excluded.differences,
       verified_at = clock_timestamp()

-- name: record_verification
-- Notes up to which position a projection was verified, and what was found.
-- Parameters: projection, position, differences.
INSERT INTO runfold.verifications AS v (projection, position, differences)
VALUES (%(projection)s, %(position)s, %(differences)s)
    ON CONFLICT (projection) DO UPDATE
   SET position = excluded.position, differences = excluded.differences, verified_at = clock_timestamp()

-- name: register_group
-- Makes the checkpoint of a group that has none; locks it and returns its position.
-- Parameters: group.
INSERT INTO runfold.checkpoints AS c (group_name) VALUES (%(group)s)
    ON CONFLICT (group_name) DO UPDATE SET group_name = excluded.group_name
RETURNING c.position

-- name: register_projection
-- Notes the version a table is built with, where nothing is noted; tells what is noted.
-- Parameters: name, group, version, digest.
INSERT INTO runfold.projections AS p (name, group_name, version, digest)
VALUES (%(name)s, %(group)s, %(version)s, %(digest)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING p.version, p.digest, p.group_name

-- name: register_user_group
-- Notes which login folds a user's group. Run by the worker's or an operator's role, never by that login.
-- Parameters: group, role.
INSERT INTO runfold.user_groups AS g (group_name, role_name) VALUES (%(group)s, %(role)s)
    ON CONFLICT (group_name) DO UPDATE SET role_name = excluded.role_name
 WHERE g.role_name IS DISTINCT FROM excluded.role_name

-- name: registered_projections
-- The projections of a group whose tables are built.
-- Parameters: group.
SELECT name FROM runfold.projections WHERE group_name = %(group)s

-- name: renamed
-- Surplus rows that are missing ones under another key, by a unique index: deleting them would take along what refers to
-- them. The runner puts in the names.
CREATE TEMPORARY TABLE {renamed} ON COMMIT DROP AS
SELECT {surplus_keys}, {missing_keys}
  FROM {found} AS x
  JOIN {live} AS live ON {live_is_surplus}
  JOIN {shadow} AS folded ON {same_unique}
  JOIN {found} AS s ON {shadow_is_suspect}
 WHERE x.surplus AND s.missing

-- name: row_ids_of_streams
-- Of some ids those that are the row_id of a stream of some categories. Reads the rows of all these streams.
-- Parameters: values (uuid[]), categories (text[]).
SELECT r.id::text
  FROM unnest(%(categories)s::text[]) AS c (category)
  JOIN runfold.streams s ON s.stream_id > (c.category || '-') COLLATE "C" AND s.stream_id < (c.category || '.') COLLATE "C"
 CROSS JOIN LATERAL (SELECT runfold.row_id(s.stream_id, c.category, runfold.stream_name(s.stream_id)) AS id) AS r
 WHERE r.id = ANY (%(values)s::uuid[])

-- name: sample_streams
-- Some streams, always the same for the same seed and log. Parameters: seed, streams (how many), upto.
SELECT stream_id FROM runfold.streams
 WHERE first_position <= %(upto)s
 ORDER BY hashtextextended(stream_id, %(seed)s), stream_id
 LIMIT %(streams)s

-- name: settle_head
-- Reads the safe head, or keeps the greater one known before, for the statement after it in the same session: two
-- statements, each with a view of its own, without waiting for the answer between them.
-- Parameters: least.
SELECT set_config('runfold.head', greatest(%(least)s::bigint, runfold.safe_head())::text, false)::bigint

-- name: slice_of_streams
-- The next streams of a category, about so many events of them, and those events; one stream at least.
-- Parameters: after, before (names that are no streams'), upto (a position), events.
SELECT n.stream_id, n.version
  FROM (SELECT m.stream_id, m.version, sum(m.version) OVER (ORDER BY m.stream_id) - m.version AS behind
          FROM (SELECT s.stream_id, greatest(s.version, 1) AS version
                  FROM runfold.streams s
                 WHERE s.stream_id > %(after)s COLLATE "C" AND s.stream_id < %(before)s COLLATE "C" AND s.first_position <= %(upto)s
                 ORDER BY s.stream_id
                 LIMIT %(events)s) AS m) AS n
 WHERE n.behind < %(events)s
 ORDER BY n.stream_id

-- name: stop_group
-- Notes why a group cannot be folded at all.
-- Parameters: group, sqlstate, error, epoch.
UPDATE runfold.checkpoints c
   SET stopped_sqlstate = %(sqlstate)s, stopped_error = %(error)s, stopped_at = clock_timestamp()
 WHERE c.group_name = %(group)s AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)

-- name: strangers
-- A row of a shadow whose column that names the stream holds none of some values, in lower case.
-- Parameters: values (text[]). The column and the shadow are put in by the caller.
SELECT {stream_key}::text FROM {shadow} WHERE coalesce(lower({stream_key}::text), '') <> ALL (%(values)s) LIMIT 1

-- name: stream_positions
-- Where a stream's events of a group lie between two positions, those aside that were discarded.
-- Parameters: group, stream, after, upto, types (text[]).
SELECT e.position
  FROM runfold.events e
 WHERE e.stream_id = %(stream)s AND e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND e.stream_version BETWEEN 0 AND 9223372036854775807
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s AND d.position = e.position)
 ORDER BY e.position

-- name: stream_types
-- The types of a stream's events. Parameters: stream.
SELECT DISTINCT e.type
  FROM runfold.streams s
 CROSS JOIN LATERAL (SELECT x.type
                       FROM runfold.events x
                      WHERE x.stream_id = s.stream_id AND x.position BETWEEN s.first_position AND s.last_position
                        AND x.stream_version BETWEEN 0 AND 9223372036854775807
                     OFFSET 0) AS e
 WHERE s.stream_id = %(stream)s

-- name: streams_between
-- The streams with an event of some types between two positions. Parameters: after, upto, types (text[]).
SELECT DISTINCT stream_id FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)

-- name: streams_folded
-- Of some streams those that have an event of some types. Parameters: streams (text[]), types (text[]).
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.stream_id = ANY (%(streams)s) AND e.stream_version BETWEEN 0 AND 9223372036854775807 AND e.type = ANY (%(types)s)

-- name: suspect_all
-- Notes the keys that compare_all found. The runner puts in the names.
INSERT INTO {suspects} SELECT * FROM {compared}

-- name: suspect_streams
-- Notes the keys of a table's rows that belong to some streams. The runner puts in the names.
-- Parameters: values, what the column that names the stream may hold.
INSERT INTO {suspects} SELECT {key_columns} FROM {rows} AS live WHERE {of_streams}

-- name: suspect_written
-- Notes the keys of the rows that were written by a transaction from this one on; too many rather than too few.
-- Parameters: xmin, the oldest transaction that was open when the table was compared, modulo 2^32. The runner puts in the names.
INSERT INTO {suspects}
SELECT {key_columns} FROM {live} AS live WHERE (live.xmin::text::bigint - %(xmin)s + 4294967296) %% 4294967296 < 2147483648

-- name: sync_workflows
-- Copies workflow_status to workflows where that is due; returns how many notes are due still. Parameters: most.
SELECT runfold.sync_workflows(%(most)s)

-- name: table_columns
-- A table's columns in their order: name, type, and whether it is computed from others.
-- Parameters: table (as regclass takes it).
SELECT a.attname, format_type(a.atttypid, NULL), a.attgenerated <> ''
  FROM pg_attribute a
 WHERE a.attrelid = %(table)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- name: table_shape
-- What a copy of a table takes from it: columns, checks and keys; one row, another one for another shape.
-- Parameters: table.
SELECT concat_ws(E'\n',
           (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                                        a.attcollation, pg_get_expr(d.adbin, d.adrelid)), E'\n' ORDER BY a.attnum)
              FROM pg_attribute a
              LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
           (SELECT string_agg(pg_get_constraintdef(c.oid), E'\n' ORDER BY c.conname)
              FROM pg_constraint c WHERE c.conrelid = t.oid AND c.contype = 'c'),
           (SELECT string_agg(pg_get_indexdef(i.indexrelid), E'\n' ORDER BY i.indexrelid)
              FROM pg_index i WHERE i.indrelid = t.oid))
  FROM (SELECT %(table)s::regclass::oid AS oid) AS t

-- name: table_uniques
-- The columns of a table's unique indexes, each index by itself.
-- Parameters: table (as regclass takes it).
SELECT ARRAY(SELECT a.attname::text
               FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE k.n <= i.indnkeyatts
              ORDER BY k.n)
  FROM pg_index i
 WHERE i.indrelid = %(table)s::regclass AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL

-- name: traceparents
-- The spans of OpenTelemetry that the events of a batch name, a few of them. Parameters: after, upto, types (text[]), most.
SELECT DISTINCT e.metadata ->> 'traceparent'
  FROM (SELECT x.metadata FROM runfold.events x
         WHERE x.position > %(after)s AND x.position <= %(upto)s AND x.type = ANY (%(types)s) AND x.metadata ? 'traceparent'
         ORDER BY x.position LIMIT 1000) AS e
 LIMIT %(most)s

-- name: types_between
-- Which of these types occur between two positions. Parameters: after, upto, types (text[]). The runner puts in the relation of events.
SELECT DISTINCT type FROM {events} AS e WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)

-- name: unpark_stream
-- Forgets that a stream is parked. Parameters: group, stream.
SELECT runfold.unpark_stream(%(group)s, %(stream)s)

-- name: update_different
-- Makes the rows that differ what the log says. The runner puts in the names.
UPDATE {live} AS live SET {assignments}
  FROM {found} AS s JOIN {shadow} AS folded ON {shadow_is_suspect}
 WHERE NOT s.missing AND NOT s.surplus AND {live_is_suspect}

-- name: user_advisory_locks
-- A row where a session holds an advisory lock or waits for one. Parameters: pid.
SELECT true FROM pg_locks l WHERE l.pid = %(pid)s AND l.locktype = 'advisory' LIMIT 1

-- name: values_of_rows
-- The next values of a table's column, in order. Parameters: after (null: from the first), limit. The runner puts in the names.
SELECT DISTINCT t.{column}::text, t.{column} FROM {live} AS t WHERE {beyond} ORDER BY t.{column} LIMIT %(limit)s

-- name: verify_unlock
-- Lets another session verify a group in slices. Parameters: key.
SELECT pg_advisory_unlock(hashtextextended(%(key)s, 0))

-- name: write_renamed
-- Gives them their key back, and everything else that differs. The runner puts in the names.
UPDATE {live} AS live SET {assignments}
  FROM {renamed} AS s JOIN {shadow} AS folded ON {shadow_is_renamed}
 WHERE {live_is_renamed}
