-- A workflow's definition as its rows have it now; null where there is no such workflow, or not for
-- the caller.
--
-- It has the columns that people own under their names, `nodes` by node_id and `connections` by their ends.
-- The order is that of bytes, so that equal rows give equal texts in every database.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.definition_of(workflow_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
               'name', w.name, 'description', w.description, 'version', w.version, 'active', w.active,
               'workflow_data', w.workflow_data, 'settings', w.settings, 'static_data', w.static_data, 'pin_data', w.pin_data,
               'tags', to_jsonb(w.tags), 'is_template', w.is_template, 'template_category', w.template_category,
               'icon_url', w.icon_url,
               'nodes', coalesce((
                   SELECT jsonb_agg(jsonb_build_object(
                              'node_id', n.node_id, 'node_type', n.node_type, 'node_subtype', n.node_subtype,
                              'type_version', n.type_version, 'name', n.name, 'description', n.description, 'disabled', n.disabled,
                              -- JSON has no infinity.
                              'position_x', CASE WHEN abs(n.position_x) < 'Infinity' THEN n.position_x END,
                              'position_y', CASE WHEN abs(n.position_y) < 'Infinity' THEN n.position_y END,
                              'parameters', n.parameters, 'credentials', n.credentials, 'attached_nodes', n.attached_nodes,
                              'error_handling', n.error_handling, 'max_retries', n.max_retries,
                              'retry_wait_time', n.retry_wait_time, 'notes', n.notes, 'webhooks', to_jsonb(n.webhooks))
                              ORDER BY n.node_id COLLATE "C")
                     FROM public.nodes n WHERE n.workflow_id = w.id), '[]'),
               'connections', coalesce((
                   SELECT jsonb_agg(jsonb_build_object(
                              'source_node_id', c.source_node_id, 'target_node_id', c.target_node_id,
                              'connection_type', c.connection_type, 'connection_index', c.connection_index,
                              'label', c.label, 'conditions', c.conditions)
                              ORDER BY c.source_node_id COLLATE "C", c.target_node_id COLLATE "C", c.connection_type COLLATE "C",
                                       c.connection_index)
                     FROM public.node_connections c WHERE c.workflow_id = w.id), '[]'))
      FROM public.workflows w
     WHERE w.id = $1
$$;
