-- types_of_streams: the event types that occur in these streams up to a position. Parameters: streams (text[]), upto.
SELECT DISTINCT e.type FROM runfold.events e WHERE e.stream_id = ANY (%(streams)s) AND e.position <= %(upto)s
