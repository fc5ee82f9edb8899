-- discard_event: puts on record that a group gives up the event at a position; tells its version and type.
-- Parameters: group, position, sqlstate, error, reason, by.
INSERT INTO runfold.discarded_events
       (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error, reason, discarded_by)
SELECT %(group)s, e.position, e.stream_id, e.stream_version, e.event_id, e.type, %(sqlstate)s, %(error)s, %(reason)s, %(by)s
  FROM runfold.events e
 WHERE e.position = %(position)s
RETURNING stream_version, type
