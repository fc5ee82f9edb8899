-- batch_streams: the streams of a batch that are not parked and have an event in it that is not discarded, in its order.
-- Parameters: group, after, upto, types.
SELECT e.stream_id
  FROM runfold.events e
 WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND NOT EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = %(group)s AND p.stream_id = e.stream_id)
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s AND d.position = e.position)
 GROUP BY e.stream_id
 ORDER BY min(e.position)
