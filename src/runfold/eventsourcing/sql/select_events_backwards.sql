-- select_events_backwards: as select_events, the last event first. Parameters: stream_id, gt, lte, limit (null: none of it).
SELECT e.stream_version, e.type, e.payload
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream_id)s AND e.stream_version > coalesce(%(gt)s, -1) AND e.stream_version <= coalesce(%(lte)s, s.version)
   AND e.payload IS NOT NULL
 ORDER BY e.stream_version DESC
 LIMIT %(limit)s
