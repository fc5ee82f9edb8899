-- positions_of: the positions of a stream's events of some types, in order. Parameters: stream, upto, types (text[]).
SELECT position FROM runfold.events
 WHERE stream_id = %(stream)s AND position <= %(upto)s AND type = ANY (%(types)s)
 ORDER BY stream_version
