-- types_between: which of these types occur between two positions. Parameters: after, upto, types (text[]).
SELECT DISTINCT type FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)
