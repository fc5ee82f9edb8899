-- streams_of_execution: the streams that tell of an execution up to a position: its own, its log's, those of the interactions
-- that it asked for, and those of the executions that it started (a thousand at most). Parameters: execution_id, upto.
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
