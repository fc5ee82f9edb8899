-- read_all: events after a position, in order, never past the safe head.
-- Parameters: after, limit, types.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM runfold.read_all(%(after)s, %(limit)s, %(types)s)
