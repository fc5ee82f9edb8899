-- streams_of_workflows: the interactions and responses of the workflows that are deleted in some deployment streams.
-- Parameters: streams (text[]).
SELECT DISTINCT e.stream_id
  FROM runfold.events e
 WHERE e.type IN ('InteractionRequested', 'ResponseReceived')
   AND lower(e.data ->> 'workflow_id' COLLATE "C") IN (
       SELECT substr(d.stream_id, 12) FROM runfold.events d WHERE d.stream_id = ANY (%(streams)s) AND d.type = 'WorkflowDeleted')
