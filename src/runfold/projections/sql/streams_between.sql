-- streams_between: the streams with an event of some types between two positions. Parameters: after, upto, types (text[]).
SELECT DISTINCT stream_id FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)
