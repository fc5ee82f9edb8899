-- An execution's row with its nodes as an array, in the order of their starts; null where there is no
-- such execution, or not for the caller.
--
-- json_agg over a join would give [null] for an execution without nodes.
--
-- grant: engine, operator, projector, reader, authenticated, service_role
CREATE FUNCTION runfold.execution_detail(execution_id text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(e) || jsonb_build_object('nodes', coalesce(
               (SELECT jsonb_agg(to_jsonb(n) ORDER BY n.start_time, n.created_at, n.id)
                  FROM public.node_executions n WHERE n.execution_id = e.execution_id), '[]'))
      FROM public.workflow_executions e
     WHERE e.execution_id = $1
$$;
