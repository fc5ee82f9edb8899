-- stream_types: the types of a stream's events. Parameters: stream.
SELECT DISTINCT type FROM runfold.events WHERE stream_id = %(stream)s
