-- streams_of_workflow: the streams that a workflow's status depends on: its deployments and whatever was created for it.
-- Parameters: workflow (text, lower case), upto.
SELECT 'deployment-' || %(workflow)s::text
 UNION
SELECT e.stream_id
  FROM runfold.events e
 WHERE e.category = 'execution' AND e.type = 'ExecutionCreated' AND lower(e.data ->> 'workflow_id' COLLATE "C") = %(workflow)s
   AND e.position <= %(upto)s
