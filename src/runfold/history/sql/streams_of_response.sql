-- streams_of_response: the streams that a response's row depends on: its own and those of the interactions it was matched with.
-- Parameters: response (text, lower case), upto.
SELECT 'response-' || %(response)s::text
 UNION
SELECT 'interaction-' || lower(e.data ->> 'interaction_id' COLLATE "C")
  FROM runfold.events e
 WHERE e.stream_id = 'response-' || %(response)s::text AND e.type = 'ResponseMatched' AND e.position <= %(upto)s
   AND e.data ->> 'interaction_id' IS NOT NULL
