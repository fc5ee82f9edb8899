-- streams_folded: of some streams those that have an event of some types. Parameters: streams (text[]), types (text[]).
SELECT DISTINCT e.stream_id FROM runfold.events e WHERE e.stream_id = ANY (%(streams)s) AND e.type = ANY (%(types)s)
