-- responses_to: the responses that were matched to some interactions, rightly or not, up to a position (null: any). By an index.
-- Parameters: interactions (text[], UUIDs), upto.
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.category = 'response' AND e.type = 'ResponseMatched' AND lower(e.data ->> 'interaction_id' COLLATE "C") = ANY (%(interactions)s)
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
