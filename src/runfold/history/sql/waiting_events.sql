-- waiting_events: a stream's events behind a position, the first ones. Parameters: stream, position, types (text[], null: any), limit.
SELECT e.position, e.stream_version, e.type, e.occurred_at, e.recorded_at
  FROM runfold.events e
 WHERE e.stream_id = %(stream)s AND e.position > %(position)s AND (%(types)s::text[] IS NULL OR e.type = ANY (%(types)s))
 ORDER BY e.position
 LIMIT %(limit)s
