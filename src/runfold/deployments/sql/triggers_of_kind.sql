-- triggers_of_kind: every active trigger of a kind, for a scheduler that begins.
-- Parameters: subtype, tenant (null: any).
SELECT t.workflow_id, t.name, t.node_id, t.trigger_subtype, t.index_key, t.trigger_config, t.user_id
  FROM public.trigger_index t
 WHERE t.trigger_type = 'TRIGGER' AND t.trigger_subtype = %(subtype)s
   AND t.is_active AND t.deployment_status = 'active' AND (%(tenant)s::uuid IS NULL OR t.user_id = %(tenant)s)
 ORDER BY t.index_key, t.workflow_id, t.name
