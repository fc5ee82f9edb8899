-- Refuses a call of append_events that answers a question of an execution that has ended.
--
-- The caller has locked the executions' streams, so the log says here what it will say when the call commits.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_late_answers(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    late record;
BEGIN
    SELECT a.*, s.status INTO late
      FROM runfold.answers_of(call) AS a
     -- OFFSET 0: asked once for each answer.
     CROSS JOIN LATERAL (SELECT runfold.end_status(a.execution_id) AS status OFFSET 0) AS s
     WHERE s.status IS NOT NULL
     ORDER BY a.append, a.event
     LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('execution_ended', jsonb_build_object(
            'pointer', format('/%s/events/%s', late.append - 1, late.event - 1), 'stream_id', late.stream_id,
            'execution_id', late.execution_id, 'machine', 'execution', 'state', late.status, 'command', 'respond', 'allowed', '[]'::jsonb));
    END IF;
END
$$;
