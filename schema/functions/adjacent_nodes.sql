-- The nodes of a tenant's graph that an edge joins with one of these, in a direction: `out`, `in` or `both`.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.adjacent_nodes(tenant uuid, ids text[], direction text, types text[]) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT r.target_node_id::text FROM unnest(ids) AS n (id)
      JOIN public.graph_relationships r ON r.user_id = tenant AND r.source_node_id = n.id
     WHERE direction <> 'in' AND (types IS NULL OR r.relationship_type = ANY (types))
     UNION
    SELECT r.source_node_id::text FROM unnest(ids) AS n (id)
      JOIN public.graph_relationships r ON r.user_id = tenant AND r.target_node_id = n.id
     WHERE direction <> 'out' AND (types IS NULL OR r.relationship_type = ANY (types))
$$;
