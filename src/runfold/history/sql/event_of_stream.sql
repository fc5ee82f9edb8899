-- event_of_stream: a stream's event of a version, or else (null) its last one up to a position. Parameters: stream, version, upto.
SELECT e.position, e.stream_version, e.type, e.occurred_at, e.recorded_at
  FROM runfold.events e
 WHERE e.stream_id = %(stream)s
   AND (%(version)s::bigint IS NULL OR e.stream_version = %(version)s)
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
 ORDER BY e.stream_version DESC
 LIMIT 1
