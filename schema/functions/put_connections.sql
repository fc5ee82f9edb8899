-- Makes the connections of a workflow equal to those of a definition; returns how many rows it wrote.
--
-- A connection is the same where its ends, its type and its index are.
--
-- grant: nobody
CREATE FUNCTION runfold.put_connections(workflow_id uuid, connections jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    given constant jsonb := CASE WHEN jsonb_typeof(connections) = 'array' THEN connections ELSE '[]' END;
    deleted bigint;
    put bigint;
BEGIN
    DELETE FROM public.node_connections c
     WHERE c.workflow_id = put_connections.workflow_id
       AND (c.source_node_id, c.target_node_id, c.connection_type, c.connection_index) NOT IN (
           SELECT e ->> 'source_node_id', e ->> 'target_node_id', coalesce(e ->> 'connection_type', 'MAIN'),
                  coalesce((e ->> 'connection_index')::integer, 0)
             FROM jsonb_array_elements(given) AS e);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    INSERT INTO public.node_connections AS c (
        workflow_id, source_node_id, target_node_id, connection_type, connection_index, label, conditions)
    SELECT put_connections.workflow_id, e ->> 'source_node_id', e ->> 'target_node_id', coalesce(e ->> 'connection_type', 'MAIN'),
           coalesce((e ->> 'connection_index')::integer, 0), e ->> 'label', coalesce(nullif(e -> 'conditions', 'null'), '{}')
      FROM jsonb_array_elements(given) AS e
     ORDER BY 2, 3, 4, 5
        ON CONFLICT (workflow_id, source_node_id, target_node_id, connection_type, connection_index) DO UPDATE
       SET label = excluded.label, conditions = excluded.conditions
     WHERE (c.label, c.conditions) IS DISTINCT FROM (excluded.label, excluded.conditions);
    GET DIAGNOSTICS put = ROW_COUNT;
    RETURN deleted + put;
END
$$;
