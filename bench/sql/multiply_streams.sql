-- multiply_streams: the streams of such a copy.
--
--   copy, offset, upto  as for multiply_log
INSERT INTO runfold.streams (stream_id, user_id, version, first_position, last_position)
SELECT stream_id || %(copy)s, user_id, version, first_position + %(offset)s, last_position + %(offset)s
  FROM runfold.streams
 WHERE last_position <= %(upto)s
