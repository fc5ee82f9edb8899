-- streams_of_execution: the streams of an execution up to a position: its own, its log's, those of its interactions, and those of its
-- children (at most 1,000). Parameters: execution_id, upto.
SELECT 'execution-' || %(execution_id)s::text
 UNION
SELECT 'log-' || %(execution_id)s::text
 UNION
SELECT e.stream_id
  FROM runfold.events e
 WHERE e.category = 'interaction' AND e.type = 'InteractionRequested' AND e.data ->> 'execution_id' = %(execution_id)s
   AND e.position <= %(upto)s
 UNION
(SELECT e.stream_id
   FROM runfold.events e
  WHERE e.category = 'execution' AND e.type = 'ExecutionCreated' AND e.data ->> 'parent_execution_id' = %(execution_id)s
    AND e.position <= %(upto)s
  ORDER BY e.position
  LIMIT 1000)
