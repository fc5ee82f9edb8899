-- interactions_of: the interactions that some responses were matched to, up to a position (null: any).
-- Parameters: streams (text[]), upto.
SELECT DISTINCT 'interaction-' || lower(e.data ->> 'interaction_id' COLLATE "C")
  FROM runfold.events e
 WHERE e.stream_id = ANY (%(streams)s) AND e.type = 'ResponseMatched' AND e.data ->> 'interaction_id' IS NOT NULL
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
