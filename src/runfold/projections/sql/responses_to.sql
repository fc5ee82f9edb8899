-- responses_to: the responses that were matched to some interactions, rightly or not. Parameters: interactions (text[], UUIDs).
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.type = 'ResponseMatched' AND lower(e.data ->> 'interaction_id' COLLATE "C") = ANY (%(interactions)s)
