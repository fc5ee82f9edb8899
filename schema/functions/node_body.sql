-- A node's row as it is in a definition, without what only the canvas shows.
--
-- One expression without a search_path, so that it is inlined: it is evaluated for each node of an edit.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.node_body(n public.nodes) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'node_id', n.node_id, 'node_type', n.node_type, 'node_subtype', n.node_subtype, 'type_version', n.type_version,
        'name', n.name, 'description', n.description, 'disabled', n.disabled, 'parameters', n.parameters,
        'credentials', n.credentials, 'attached_nodes', n.attached_nodes, 'error_handling', n.error_handling,
        'max_retries', n.max_retries, 'retry_wait_time', n.retry_wait_time, 'webhooks', pg_catalog.to_jsonb(n.webhooks))
$$;
