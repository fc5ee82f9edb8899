-- Makes the nodes of a workflow equal to those of a definition; returns how many rows it wrote.
--
-- grant: nobody
CREATE FUNCTION runfold.put_nodes(workflow_id uuid, nodes jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    deleted bigint;
    put bigint;
BEGIN
    DELETE FROM public.nodes n
     WHERE n.workflow_id = put_nodes.workflow_id
       AND n.node_id NOT IN (SELECT e ->> 'node_id' FROM jsonb_array_elements(nodes) AS e);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    INSERT INTO public.nodes AS n (
        workflow_id, node_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y, parameters,
        credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks)
    SELECT put_nodes.workflow_id, e ->> 'node_id', e ->> 'node_type', e ->> 'node_subtype',
           coalesce((e ->> 'type_version')::integer, 1), e ->> 'name', e ->> 'description', coalesce((e ->> 'disabled')::boolean, false),
           coalesce((e ->> 'position_x')::float, o.position_x, 0), coalesce((e ->> 'position_y')::float, o.position_y, 0),
           coalesce(nullif(e -> 'parameters', 'null'), '{}'), coalesce(nullif(e -> 'credentials', 'null'), '{}'),
           coalesce(nullif(e -> 'attached_nodes', 'null'), '[]'), coalesce(e ->> 'error_handling', 'STOP_WORKFLOW_ON_ERROR'),
           coalesce((e ->> 'max_retries')::integer, 3), coalesce((e ->> 'retry_wait_time')::integer, 5),
           CASE WHEN e ? 'notes' THEN e ->> 'notes' ELSE o.notes END,
           CASE WHEN jsonb_typeof(e -> 'webhooks') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(e -> 'webhooks')) END
      FROM jsonb_array_elements(nodes) AS e
      LEFT JOIN public.nodes o ON o.workflow_id = put_nodes.workflow_id AND o.node_id = e ->> 'node_id'
     ORDER BY e ->> 'node_id' COLLATE "C"
        ON CONFLICT (workflow_id, node_id) DO UPDATE
       SET node_type = excluded.node_type, node_subtype = excluded.node_subtype, type_version = excluded.type_version,
           name = excluded.name, description = excluded.description, disabled = excluded.disabled,
           position_x = excluded.position_x, position_y = excluded.position_y, parameters = excluded.parameters,
           credentials = excluded.credentials, attached_nodes = excluded.attached_nodes, error_handling = excluded.error_handling,
           max_retries = excluded.max_retries, retry_wait_time = excluded.retry_wait_time, notes = excluded.notes,
           webhooks = excluded.webhooks, updated_at = now()
     WHERE (n.node_type, n.node_subtype, n.type_version, n.name, n.description, n.disabled, n.position_x, n.position_y, n.parameters,
            n.credentials, n.attached_nodes, n.error_handling, n.max_retries, n.retry_wait_time, n.notes, n.webhooks)
           IS DISTINCT FROM
           (excluded.node_type, excluded.node_subtype, excluded.type_version, excluded.name, excluded.description, excluded.disabled,
            excluded.position_x, excluded.position_y, excluded.parameters, excluded.credentials, excluded.attached_nodes,
            excluded.error_handling, excluded.max_retries, excluded.retry_wait_time, excluded.notes, excluded.webhooks);
    GET DIAGNOSTICS put = ROW_COUNT;
    RETURN deleted + put;
END
$$;
