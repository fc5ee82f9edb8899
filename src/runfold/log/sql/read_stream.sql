-- read_stream: a stream's events after a version, in order.
-- Parameters: stream, after, limit.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM runfold.read_stream(%(stream)s, %(after)s, %(limit)s)
