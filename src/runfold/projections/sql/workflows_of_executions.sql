-- workflows_of_executions: the workflows that executions were created for, up to a position (null: any).
-- Parameters: streams (text[]), upto.
SELECT DISTINCT lower(e.data ->> 'workflow_id' COLLATE "C")
  FROM runfold.events e
 WHERE e.stream_id = ANY (%(streams)s) AND e.type = 'ExecutionCreated' AND e.data ->> 'workflow_id' IS NOT NULL
   AND (%(upto)s::bigint IS NULL OR e.position <= %(upto)s)
