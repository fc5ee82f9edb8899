-- A connection's row as it is in a definition.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.connection_body(c public.node_connections) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'source_node_id', c.source_node_id, 'target_node_id', c.target_node_id, 'connection_type', c.connection_type,
        'connection_index', c.connection_index, 'label', c.label, 'conditions', c.conditions)
$$;
