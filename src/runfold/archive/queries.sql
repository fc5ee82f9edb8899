-- name: lock
-- Takes the session lock of who writes to or restores from the archive; returns whether it is ours.
SELECT pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 8)

-- name: unlock
-- Lets go of it.
SELECT pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 8)

-- name: safe_head
-- The position up to which the log is settled.
SELECT runfold.safe_head()

-- name: closed_segments
-- The segments that nothing can be added to, with their files. Parameters: head (the safe head).
SELECT g.from_position, g.to_position, a.file, a.state, encode(a.sha256, 'hex')
  FROM runfold.segments() g
  LEFT JOIN runfold.archives a ON a.from_position = g.from_position AND a.to_position = g.to_position
 WHERE g.to_position < %(head)s
 ORDER BY g.from_position

-- name: choose_leaving
-- Chooses the streams that leave a range of segments; returns how many streams and events. Parameters: from, to, older_than.
SELECT streams, events FROM runfold.choose_leaving(%(from)s, %(to)s, %(older_than)s::interval)

-- name: leaves
-- Whether a chosen stream has a part in a segment. Parameters: from, to.
SELECT EXISTS (SELECT FROM runfold.leaving_streams l WHERE l.first_position <= %(to)s AND l.last_position >= %(from)s)

-- name: live_streams
-- The streams of a segment that are not chosen. Parameters: from, to.
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.position BETWEEN %(from)s AND %(to)s
   AND NOT EXISTS (SELECT FROM runfold.leaving_streams l WHERE l.stream_id = e.stream_id)
 ORDER BY e.stream_id

-- name: copy_segment
-- The events of a segment in the order of their positions, for a binary COPY. Parameters: from, to.
COPY (SELECT position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id, data, payload,
             metadata, occurred_at, recorded_at
        FROM runfold.events WHERE position BETWEEN %(from)s AND %(to)s ORDER BY position) TO STDOUT (FORMAT binary)

-- name: seals
-- The seals that end in a segment, as its manifest holds them. Parameters: from, to.
SELECT first_position, last_position, events, encode(range_digest, 'hex') AS range_digest, encode(seal, 'hex') AS seal, format
  FROM runfold.seals WHERE last_position BETWEEN %(from)s AND %(to)s ORDER BY last_position

-- name: facts
-- What a manifest says of the database.
SELECT (SELECT i.id::text FROM runfold.log_identity i) AS log,
       (regexp_match(obj_description('runfold'::regnamespace, 'pg_namespace'), '[0-9]{14}'))[1] AS schema_version,
       split_part(current_setting('server_version'), ' ', 1) AS postgres,
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS written_at

-- name: note_archive
-- Enters a segment's file; returns false if the log holds another number of events there.
-- Parameters: from, to, file, sha256, bytes, events, digest, seal (JSON text), schema_version.
SELECT runfold.note_archive(%(from)s, %(to)s, %(file)s, decode(%(sha256)s, 'hex'), %(bytes)s, %(events)s, decode(%(digest)s, 'hex'),
                            %(seal)s::jsonb, %(schema_version)s)

-- name: build_remainder
-- Builds what remains of a segment; returns how many events and streams leave. Parameters: from.
SELECT left_events, left_streams FROM runfold.build_remainder(%(from)s)

-- name: drop_remainders
-- Drops what was built for a swap that did not take place.
SELECT runfold.drop_remainders()

-- name: long_holders
-- The session that has held a lock of the log's table for longer than a second: no swap can succeed before it lets go.
SELECT a.pid, a.application_name, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.relation = 'runfold.events'::regclass AND l.granted AND a.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND a.xact_start < clock_timestamp() - interval '1 second'
 ORDER BY a.xact_start LIMIT 1

-- name: swap_segments
-- Puts the remainders in the place of their segments; returns how many streams and events left, and how many streams stayed.
SELECT streams, events, stayed FROM runfold.swap_segments()

-- name: forget_left
-- Deletes the ids of a part of what left; returns whether nothing is left to do.
SELECT runfold.forget_left()

-- name: archives
-- Every segment that has a file.
SELECT from_position, to_position, file, encode(sha256, 'hex') AS sha256, bytes, events, encode(digest, 'hex') AS digest,
       written_at, state, swapped_at, left_events, left_streams, erased
  FROM runfold.archives ORDER BY from_position

-- name: streams_that_left
-- The streams that left a range of positions, with the range of their own. Parameters: from, to.
SELECT s.stream_id, s.first_position, s.last_position
  FROM runfold.streams s
 WHERE s.archived_at IS NOT NULL AND s.first_position <= %(to)s AND s.last_position >= %(from)s

-- name: stream_that_left
-- A stream, and whether it left. Parameters: stream.
SELECT s.stream_id, s.first_position, s.last_position, s.archived_at IS NOT NULL
  FROM runfold.streams s WHERE s.stream_id = %(stream)s

-- name: clear_restored
-- Empties the table where events of the archive come in.
SELECT runfold.clear_restored()

-- name: copy_restored
-- Takes events of the archive in, from a binary COPY.
COPY runfold.restored_events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id,
                              data, payload, metadata, occurred_at, recorded_at) FROM STDIN (FORMAT binary)

-- name: land_restored
-- Puts them back into the log; returns how many streams and events.
SELECT streams, events FROM runfold.land_restored()

-- name: require_erased
-- Refuses to go on where a tenant is not erased. Parameters: user.
SELECT runfold.require_erased(%(user)s::uuid)

-- name: note_rewritten
-- Enters the file that was written in place of a segment's. Parameters: from, file, sha256, bytes, digest, erased (JSON text).
SELECT runfold.note_rewritten(%(from)s, %(file)s, decode(%(sha256)s, 'hex'), %(bytes)s, decode(%(digest)s, 'hex'), %(erased)s::jsonb)
