-- discarded_events: the events that were given up, newest first. Parameters: stream (null: any), limit.
SELECT group_name, stream_id, position, stream_version, event_id, type, sqlstate, error, reason, discarded_by, role_name,
       discarded_at, count(*) OVER () AS total
  FROM runfold.discarded_events
 WHERE %(stream)s::text IS NULL OR stream_id = %(stream)s
 ORDER BY discarded_at DESC, position DESC
 LIMIT %(limit)s
