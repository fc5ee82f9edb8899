-- sample_streams: some streams, always the same for the same seed and log. Parameters: seed, streams (how many), upto.
SELECT stream_id FROM runfold.streams
 WHERE first_position <= %(upto)s
 ORDER BY hashtextextended(stream_id, %(seed)s), stream_id
 LIMIT %(streams)s
