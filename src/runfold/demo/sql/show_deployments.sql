-- What is deployed, and what starts it
SELECT w.name AS workflow, d.deployment_action AS action, d.to_status,
       t.trigger_subtype AS starts_by, t.index_key, t.is_active
  FROM workflow_deployment_history d
  JOIN workflows w ON w.id = d.workflow_id
  LEFT JOIN trigger_index t ON t.workflow_id = d.workflow_id
 ORDER BY d.started_at
