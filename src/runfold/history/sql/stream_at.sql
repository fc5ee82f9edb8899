-- stream_at: the stream of the event at a position. Parameters: position.
SELECT stream_id FROM runfold.events WHERE position = %(position)s
