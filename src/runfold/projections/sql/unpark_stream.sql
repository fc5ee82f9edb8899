-- unpark_stream: forgets that a stream is parked.
-- Parameters: group, stream.
DELETE FROM runfold.parked_streams WHERE group_name = %(group)s AND stream_id = %(stream)s
