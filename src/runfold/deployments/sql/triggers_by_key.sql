-- triggers_by_key: the active triggers of a kind with a key, by idx_trigger_index_lookup.
-- Parameters: subtype, key, tenant (null: any).
SELECT t.workflow_id, t.name, t.node_id, t.trigger_subtype, t.index_key, t.trigger_config, t.user_id
  FROM public.trigger_index t
 WHERE t.trigger_type = 'TRIGGER' AND t.trigger_subtype = %(subtype)s AND t.index_key = %(key)s
   AND t.is_active AND t.deployment_status = 'active' AND (%(tenant)s::uuid IS NULL OR t.user_id = %(tenant)s)
 ORDER BY t.workflow_id, t.name
