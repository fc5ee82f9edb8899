-- workflows_of_executions: the workflows that executions were created for. Parameters: streams (text[]).
SELECT DISTINCT lower(e.data ->> 'workflow_id' COLLATE "C")
  FROM runfold.events e
 WHERE e.stream_id = ANY (%(streams)s) AND e.type = 'ExecutionCreated' AND e.data ->> 'workflow_id' IS NOT NULL
