-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: seal_range
-- Seals the next range of the log if one is due; its last position and seal, or no row. Parameters: everything.
SELECT last_position, seal FROM runfold.seal_range(%(everything)s)

-- name: sealed_position
-- The position up to which the log is sealed.
SELECT runfold.sealed_position()

-- name: ranges
-- The next sealed ranges, whether each adjoins the one before, and whether its seal follows from that one's.
-- Parameters: after, upto, most.
SELECT s.first_position, s.last_position, s.events, s.range_digest, s.first_position = 1 OR p.seal IS NOT NULL AS adjoins,
       s.seal = runfold.seal_of(p.seal, s.first_position, s.last_position, s.events, s.range_digest) AS follows
  FROM runfold.seals s
  LEFT JOIN runfold.seals p ON p.last_position = s.first_position - 1
 WHERE s.last_position > %(after)s AND s.first_position <= %(upto)s
 ORDER BY s.last_position
 LIMIT %(most)s

-- name: range_digest
-- The number of events, the digest and the marks of a range of the log. Parameters: first, last.
SELECT events, digest, marks FROM runfold.range_digest('runfold.events', %(first)s, %(last)s)

-- name: marks
-- The marks of a sealed range. Parameters: first.
SELECT marks FROM runfold.seal_marks WHERE first_position = %(first)s

-- name: events_at
-- The events at some positions. Parameters: positions (bigint[]).
SELECT position, stream_id, stream_version, event_id::text, type FROM runfold.events WHERE position = ANY (%(positions)s::bigint[])

-- name: unsealed_events
-- How many events of the log lie in a range of positions. Parameters: after, upto.
SELECT count(*) FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s

-- name: seals
-- The next seals, with the identity of the log. Parameters: after, most.
SELECT i.id::text AS log, s.last_position AS last, encode(s.seal, 'hex') AS seal
  FROM runfold.seals s
 CROSS JOIN runfold.log_identity i
 WHERE s.last_position > %(after)s
 ORDER BY s.last_position
 LIMIT %(most)s

-- name: seals_at
-- The seals of the ranges that end at some positions. Parameters: positions (bigint[]).
SELECT last_position, encode(seal, 'hex') FROM runfold.seals WHERE last_position = ANY (%(positions)s::bigint[])

-- name: log_identity
-- Which log this is.
SELECT id::text FROM runfold.log_identity

-- name: streams_that_left
-- Those of some streams that left the log, and up to which version. Parameters: streams (text[]).
SELECT stream_id, coalesce(archived_version, version)
  FROM runfold.streams WHERE stream_id = ANY (%(streams)s::text[]) AND archived_at IS NOT NULL
