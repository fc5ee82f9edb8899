-- The status with which an execution has ended, folded or not; NULL if it has not.
--
-- The row says it, or an event that the row has not seen.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.end_status(execution_id text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT x.status FROM public.workflow_executions x WHERE x.execution_id = $1 AND x.end_position IS NOT NULL),
        (SELECT runfold.execution_target(e.type)
           FROM runfold.streams s
           JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
          WHERE s.stream_id = runfold.stream_id('execution', $1)
            AND runfold.ends_execution(e.type)
            AND e.position >= coalesce((SELECT x.last_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0)
          ORDER BY e.position
          LIMIT 1))
$$;
