-- Whether this ExecutionCreated made its execution's row.
--
-- It did unless there was one, and there is one from the first ExecutionCreated until the workflow
-- is deleted.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.creation_took_effect(stream_id text, "position" bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    creation record;
    workflow text;
    made_at bigint;
BEGIN
    FOR creation IN
        SELECT e.position, lower(e.data ->> 'workflow_id' COLLATE "C") AS workflow
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = stream_id AND e.type = 'ExecutionCreated' AND e.position <= position
         ORDER BY e.position
    LOOP
        IF made_at IS NULL OR EXISTS (
            SELECT FROM runfold.streams s
              JOIN runfold.events d ON d.stream_id = s.stream_id AND d.position BETWEEN s.first_position AND s.last_position
             WHERE s.stream_id = runfold.stream_id('deployment', workflow) AND d.type = 'WorkflowDeleted'
               AND d.position > made_at AND d.position < creation.position)
        THEN
            workflow := creation.workflow;
            made_at := creation.position;
        END IF;
    END LOOP;
    RETURN made_at IS NOT DISTINCT FROM position;
END
$$;
