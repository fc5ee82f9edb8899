-- Notes for which workflows an execution was created whose events leave the log now, or forgets it when they are back.
--
-- While its events are still in the log: to archive a stream that has none there is a mistake, and fails.
--
-- grant: nobody
CREATE FUNCTION runfold.note_archived_execution() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM runfold.archived_executions a WHERE a.stream_id = NEW.stream_id;
    IF NEW.archived_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM runfold.events e WHERE e.stream_id = NEW.stream_id
                                                  AND e.position BETWEEN NEW.first_position AND NEW.last_position) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s has no events in the log: its row is to be marked before they leave', NEW.stream_id);
    END IF;
    INSERT INTO runfold.archived_executions (workflow_id, position, stream_id)
    SELECT DISTINCT lower(e.data ->> 'workflow_id' COLLATE "C"), e.position, e.stream_id
      FROM runfold.events e
     WHERE e.stream_id = NEW.stream_id AND e.position BETWEEN NEW.first_position AND NEW.last_position
       AND e.type = 'ExecutionCreated' AND e.data ->> 'workflow_id' IS NOT NULL
       AND (e.stream_version = 1 OR runfold.creation_took_effect(e.stream_id, e.position));
    RETURN NEW;
END
$$;
