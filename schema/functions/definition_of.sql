-- A workflow's definition as its rows have it now; null where there is no such workflow, or not for
-- the caller.
--
-- It has the columns that people own under their names, `nodes` by node_id and `connections` by their ends.
-- The order is that of bytes, so that equal rows give equal texts in every database.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.definition_of(workflow_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.workflow_body(w) || jsonb_build_object(
               'nodes', coalesce((
                   SELECT jsonb_agg(runfold.node_body(n) || jsonb_build_object(
                              -- JSON has no infinity.
                              'position_x', CASE WHEN abs(n.position_x) < 'Infinity' THEN n.position_x END,
                              'position_y', CASE WHEN abs(n.position_y) < 'Infinity' THEN n.position_y END, 'notes', n.notes)
                              ORDER BY n.node_id COLLATE "C")
                     FROM public.nodes n WHERE n.workflow_id = w.id), '[]'),
               'connections', coalesce((
                   SELECT jsonb_agg(runfold.connection_body(c)
                              ORDER BY c.source_node_id COLLATE "C", c.target_node_id COLLATE "C", c.connection_type COLLATE "C",
                                       c.connection_index)
                     FROM public.node_connections c WHERE c.workflow_id = w.id), '[]'))
      FROM public.workflows w
     WHERE w.id = $1
$$;
