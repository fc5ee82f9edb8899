-- streams_of_execution: the streams of an execution up to a position: its own, its log's, those of its interactions, and those of its
-- children (at most 1,000), and those of both that are archived, by their rows. Parameters: execution_id, upto.
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
 UNION
SELECT s.stream_id
  FROM public.workflow_executions x
  JOIN runfold.streams s ON s.stream_id = 'execution-' || x.execution_id AND s.archived_at IS NOT NULL
 WHERE x.parent_execution_id = %(execution_id)s AND s.first_position <= %(upto)s
 UNION
SELECT s.stream_id
  FROM public.workflow_executions x
  JOIN public.human_interactions h ON h.execution_id = x.id
  JOIN runfold.streams s ON s.stream_id = 'interaction-' || h.id AND s.archived_at IS NOT NULL
 WHERE x.execution_id = %(execution_id)s AND s.first_position <= %(upto)s
