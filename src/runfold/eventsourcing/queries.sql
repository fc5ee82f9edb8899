-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: append_opaque_events
-- Appends events of an application to one or several streams, all or nothing, with or without a tracking.
-- Parameters: category, names (text[]), first_versions (bigint[]), numbers (integer[]), types (text[]), type_numbers (integer[]),
-- payloads (bytea[]), event_ids (uuid[]), occurred_at, tracker, application_name, notification_id, call_id.
SELECT first_position, repeated
  FROM runfold.append_opaque_events(%(category)s, %(names)s::text[], %(first_versions)s::bigint[], %(numbers)s::integer[],
                                    %(types)s::text[], %(type_numbers)s::integer[], %(payloads)b, %(event_ids)s::uuid[],
                                    %(occurred_at)s, %(tracker)s, %(application_name)s, %(notification_id)s, %(call_id)s)

-- name: is_quiet
-- Whether every append that got its positions before this statement has ended. No parameters.
SELECT runfold.safe_head() >= q.last_value - (NOT q.is_called)::integer FROM runfold.events_position q

-- name: last_opaque_position
-- The position of an application's last event up to the safe head, or null. Parameters: category.
SELECT runfold.last_opaque_position(%(category)s)

-- name: last_vocabulary_position
-- The position of the last event of these categories up to a head. Parameters: head, categories (text[]).
SELECT e.position FROM runfold.events e
 WHERE e.position <= %(head)s AND e.category = ANY (%(categories)s)
 ORDER BY e.position DESC
 LIMIT 1

-- name: max_tracking_id
-- The notification up to which a tracker has followed an application. Parameters: tracker, application_name.
SELECT t.notification_id FROM runfold.tracking t WHERE t.tracker = %(tracker)s AND t.application_name = %(application_name)s

-- name: read_opaque_events
-- An application's events after a position, never past the safe head.
-- Parameters: category, after, stop, types (text[]), limit.
SELECT position, name, stream_version, type, payload
  FROM runfold.read_opaque_events(%(category)s, %(after)s, %(stop)s, %(types)s, %(limit)s)

-- name: read_vocabulary
-- Events of these types after a position, upcast, as JSON text, never past the safe head.
-- Parameters: after, stop, types (text[]), limit.
SELECT e.position, e.stream_id, e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_all(%(after)s, %(limit)s, %(types)s) AS e
 WHERE e.data IS NOT NULL AND (%(stop)s::bigint IS NULL OR e.position <= %(stop)s)
 ORDER BY e.position

-- name: record_snapshots
-- Records snapshots of aggregates, all or none.
-- Parameters: category, originator_ids (text[]), versions (bigint[]), topics (text[]), states (bytea[]), call_id.
SELECT runfold.record_snapshots(%(category)s, %(originator_ids)s, %(versions)s::bigint[], %(topics)s, %(states)b, %(call_id)s)

-- name: record_tracking
-- Records the notification up to which a tracker has followed an application.
-- Parameters: tracker, application_name, notification_id, call_id.
SELECT runfold.record_tracking(%(tracker)s, %(application_name)s, %(notification_id)s, %(call_id)s)

-- name: register_application
-- Registers an application's category. Parameters: category, name.
SELECT runfold.register_application(%(category)s, %(name)s)

-- name: select_events
-- The opaque events of a stream between versions, in order. Parameters: stream_id, gt, lte, limit (each may be null).
SELECT e.stream_version, e.type, e.payload
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream_id)s AND e.stream_version > coalesce(%(gt)s, -1) AND e.stream_version <= coalesce(%(lte)s, s.version)
   AND e.payload IS NOT NULL AND runfold.require_in_log(%(stream_id)s, coalesce(%(gt)s, -1))
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: select_events_backwards
-- As select_events, the last event first. Parameters: stream_id, gt, lte, limit (each may be null).
SELECT e.stream_version, e.type, e.payload
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream_id)s AND e.stream_version > coalesce(%(gt)s, -1) AND e.stream_version <= coalesce(%(lte)s, s.version)
   AND e.payload IS NOT NULL AND runfold.require_in_log(%(stream_id)s, coalesce(%(gt)s, -1))
 ORDER BY e.stream_version DESC
 LIMIT %(limit)s

-- name: select_snapshots
-- An aggregate's snapshots between versions, in order.
-- Parameters: category, originator_id, gt, lte, limit (each may be null).
SELECT s.version, s.topic, s.state
  FROM runfold.snapshots s
 WHERE s.category = %(category)s AND s.originator_id = %(originator_id)s
   AND s.version > coalesce(%(gt)s, -1) AND s.version <= coalesce(%(lte)s, 9223372036854775807)
 ORDER BY s.version
 LIMIT %(limit)s

-- name: select_snapshots_backwards
-- As select_snapshots, the last one first.
-- Parameters: category, originator_id, gt, lte, limit (each may be null).
SELECT s.version, s.topic, s.state
  FROM runfold.snapshots s
 WHERE s.category = %(category)s AND s.originator_id = %(originator_id)s
   AND s.version > coalesce(%(gt)s, -1) AND s.version <= coalesce(%(lte)s, 9223372036854775807)
 ORDER BY s.version DESC
 LIMIT %(limit)s

-- name: select_vocabulary
-- A stream's events between versions, in order, upcast, as JSON text.
-- Parameters: stream_id, gt, lte, limit (each may be null).
SELECT e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_stream(%(stream_id)s, coalesce(%(gt)s, 0), %(limit)s) AS e
 WHERE e.data IS NOT NULL AND (%(lte)s::bigint IS NULL OR e.stream_version <= %(lte)s)
 ORDER BY e.stream_version

-- name: select_vocabulary_backwards
-- As select_vocabulary, the last event first.
-- Parameters: stream_id, gt, lte, limit (each may be null).
SELECT e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_stream(%(stream_id)s, coalesce(%(gt)s, 0)) AS e
 WHERE e.data IS NOT NULL AND (%(lte)s::bigint IS NULL OR e.stream_version <= %(lte)s)
 ORDER BY e.stream_version DESC
 LIMIT %(limit)s
