-- parked_stream: locks a group's checkpoint and tells where a stream is parked in it and where the group stands.
-- Parameters: group, stream. No row: it is not parked.
SELECT p.position, c.position
  FROM runfold.checkpoints c
  JOIN runfold.parked_streams p ON p.group_name = c.group_name
 WHERE c.group_name = %(group)s AND p.stream_id = %(stream)s
   FOR UPDATE OF c
