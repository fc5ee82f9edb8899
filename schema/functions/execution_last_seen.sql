-- When the log recorded the last event of an execution or of its log lines, by the server's clock.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.execution_last_seen(execution_id text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(e.recorded_at)
      FROM runfold.streams s
      JOIN runfold.events e ON e.position = s.last_position
     WHERE s.stream_id IN (runfold.stream_id('execution', $1), runfold.stream_id('log', $1))
$$;
