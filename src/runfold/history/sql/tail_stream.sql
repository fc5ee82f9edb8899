-- tail_stream: a stream's events after a version. Parameters: stream, after, limit.
SELECT position, stream_id, stream_version, event_id, type, data, metadata, occurred_at, recorded_at
  FROM runfold.read_stream(%(stream)s, %(after)s, %(limit)s)
