-- Whether the log holds the end of an execution, folded or not.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.has_ended(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = runfold.stream_id('execution', $1)
           AND runfold.ends_execution(e.type)
           AND e.position >= coalesce((SELECT x.first_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0))
$$;
