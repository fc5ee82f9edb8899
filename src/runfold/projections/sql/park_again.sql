-- park_again: moves the place where a stream is parked, with the error there.
-- Parameters: group, stream, position, sqlstate, error.
UPDATE runfold.parked_streams
   SET position = %(position)s, sqlstate = %(sqlstate)s, error = %(error)s, parked_at = clock_timestamp()
 WHERE group_name = %(group)s AND stream_id = %(stream)s
