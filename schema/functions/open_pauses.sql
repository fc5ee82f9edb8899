-- The pauses of an execution that are open now, as the log says.
--
-- Also those that the read tables have not folded yet.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.open_pauses(execution_id text)
RETURNS TABLE (pause text, interaction_id uuid, timeout_at timestamptz, action text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.position, e.type, e.data ->> 'pause' COLLATE "C" AS pause, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = runfold.stream_id('execution', $1)
           AND (e.type = 'PauseOpened' OR runfold.closes_pause(e.type) OR runfold.ends_execution(e.type))
           AND e.position >= coalesce((SELECT x.first_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0)
    ), opened AS (
        SELECT DISTINCT ON (h.pause) h.* FROM happened h WHERE h.type = 'PauseOpened' ORDER BY h.pause, h.position
    )
    SELECT o.pause, (o.data ->> 'interaction_id')::uuid, (o.data ->> 'timeout_at')::timestamptz,
           runfold.timeout_action(o.data -> 'resume_conditions')
      FROM opened o
     WHERE NOT EXISTS (SELECT FROM happened c
                        WHERE runfold.ends_execution(c.type)
                           OR (runfold.closes_pause(c.type) AND c.pause = o.pause AND c.position > o.position))
$$;
