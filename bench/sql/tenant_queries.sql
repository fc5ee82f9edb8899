-- What a tenant's pages ask: under the policies, and by a service that filters by hand (…_by_hand). Those that the
-- specification's appendix E has are its own words, but for parameters in the places of $1 and of what a call names.
-- Parameters: user, workflow, execution, path.

-- name: workflow_list
SELECT w.*,
       w.latest_execution_status,
       w.latest_execution_time
FROM workflows w
WHERE w.user_id = auth.uid()
  AND w.active = true
ORDER BY w.updated_at DESC
LIMIT 20;

-- name: workflow_list_by_hand
SELECT w.*,
       w.latest_execution_status,
       w.latest_execution_time
FROM workflows w
WHERE w.user_id = %(user)s
  AND w.active = true
ORDER BY w.updated_at DESC
LIMIT 20;

-- name: execution_detail
SELECT we.*,
       json_agg(ne.*) as node_executions
FROM workflow_executions we
LEFT JOIN node_executions ne ON ne.execution_id = we.execution_id
WHERE we.execution_id = %(execution)s
GROUP BY we.id;

-- name: execution_detail_by_hand
SELECT we.*,
       json_agg(ne.*) as node_executions
FROM workflow_executions we
LEFT JOIN node_executions ne ON ne.execution_id = we.execution_id
WHERE we.execution_id = %(execution)s
  AND we.user_id = %(user)s
GROUP BY we.id;

-- name: trigger_by_webhook
SELECT ti.workflow_id, ti.trigger_config
FROM trigger_index ti
WHERE ti.trigger_type = 'TRIGGER'
  AND ti.trigger_subtype = 'WEBHOOK'
  AND ti.index_key = %(path)s
  AND ti.is_active = true
  AND ti.deployment_status = 'active';

-- name: trigger_by_webhook_by_hand
SELECT ti.workflow_id, ti.trigger_config
FROM trigger_index ti
WHERE ti.trigger_type = 'TRIGGER'
  AND ti.trigger_subtype = 'WEBHOOK'
  AND ti.index_key = %(path)s
  AND ti.is_active = true
  AND ti.deployment_status = 'active'
  AND ti.user_id = %(user)s;

-- name: interactions_due
SELECT hi.*
FROM human_interactions hi
WHERE hi.status = 'pending'
  AND hi.timeout_at < NOW() + INTERVAL '15 minutes'
  AND hi.timeout_at > NOW()
ORDER BY hi.timeout_at ASC;

-- name: interactions_due_by_hand
SELECT hi.*
FROM human_interactions hi
WHERE hi.status = 'pending'
  AND hi.timeout_at < NOW() + INTERVAL '15 minutes'
  AND hi.timeout_at > NOW()
  AND hi.user_id = %(user)s
ORDER BY hi.timeout_at ASC;

-- name: newest_executions
SELECT * FROM workflow_executions ORDER BY created_at DESC, id LIMIT 20;

-- name: newest_executions_by_hand
SELECT * FROM workflow_executions WHERE user_id = %(user)s ORDER BY created_at DESC, id LIMIT 20;

-- name: newest_failed
SELECT * FROM workflow_executions WHERE status = 'ERROR' ORDER BY created_at DESC, id LIMIT 20;

-- name: newest_failed_by_hand
SELECT * FROM workflow_executions WHERE status = 'ERROR' AND user_id = %(user)s ORDER BY created_at DESC, id LIMIT 20;

-- name: newest_of_workflow
SELECT * FROM workflow_executions WHERE workflow_id = %(workflow)s ORDER BY created_at DESC, id LIMIT 20;

-- name: newest_of_workflow_by_hand
SELECT * FROM workflow_executions WHERE workflow_id = %(workflow)s AND user_id = %(user)s ORDER BY created_at DESC, id LIMIT 20;

-- name: count_of_executions
SELECT count(*) FROM workflow_executions;

-- name: count_of_executions_by_hand
SELECT count(*) FROM workflow_executions WHERE user_id = %(user)s;
