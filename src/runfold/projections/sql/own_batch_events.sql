-- own_batch_events: what a projection in Python is given of a batch; put below the relation `batch`.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM batch
 ORDER BY position
