-- known_streams: which of these streams there are. Parameters: streams (text[]).
SELECT stream_id FROM runfold.streams WHERE stream_id = ANY (%(streams)s) ORDER BY stream_id
