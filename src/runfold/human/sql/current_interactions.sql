-- current_interactions: what waits for an answer in a workflow, or did a moment ago, with the status that the log gives it.
-- Parameters: workflow, tenant (null: any).
SELECT interaction_id, position, status, request, message_ids
  FROM runfold.current_interactions(%(workflow)s, %(tenant)s)
