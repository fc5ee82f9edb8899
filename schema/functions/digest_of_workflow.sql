-- The digest of a workflow's definition as its rows have it now, and how many nodes and connections it has.
--
-- The same as definition_digest(definition_of(workflow_id)), without the canvas and without one large jsonb.
--
-- grant: nobody
CREATE FUNCTION runfold.digest_of_workflow(workflow_id uuid, OUT digest text, OUT nodes bigint, OUT connections bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.digest_of_parts(runfold.workflow_body(w), n.lines, c.lines), n.count, c.count
      FROM public.workflows w,
           LATERAL (SELECT string_agg(runfold.node_body(x)::text, E'\n' ORDER BY x.node_id COLLATE "C") AS lines, count(*) AS count
                      FROM public.nodes x WHERE x.workflow_id = w.id) AS n,
           LATERAL (SELECT string_agg(runfold.connection_body(x)::text, E'\n'
                               ORDER BY x.source_node_id COLLATE "C", x.target_node_id COLLATE "C", x.connection_type COLLATE "C",
                                        x.connection_index) AS lines, count(*) AS count
                      FROM public.node_connections x WHERE x.workflow_id = w.id) AS c
     WHERE w.id = $1
$$;
