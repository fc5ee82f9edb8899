-- parked_streams: every parked stream with its error, newest first.
SELECT group_name, stream_id, position, sqlstate, error, parked_at
  FROM runfold.parked_streams ORDER BY parked_at DESC, group_name, stream_id
