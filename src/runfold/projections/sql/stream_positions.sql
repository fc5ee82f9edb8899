-- stream_positions: where a stream's events of a group lie between two positions, those aside that were discarded.
-- Parameters: group, stream, after, upto, types (text[]).
SELECT e.position
  FROM runfold.events e
 WHERE e.stream_id = %(stream)s AND e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s AND d.position = e.position)
 ORDER BY e.position
