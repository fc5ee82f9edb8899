-- tail_log: the events after a position, never past the safe head. Parameters: after, limit.
SELECT position, stream_id, stream_version, event_id, type, data, metadata, occurred_at, recorded_at
  FROM runfold.read_all(%(after)s, %(limit)s)
