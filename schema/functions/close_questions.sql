-- Closes questions of executions that have ended; returns how many, and the last open question that it looked at, NULL behind the
-- last of all.
--
-- InteractionCanceled with the reason execution_ended. It looks at the next `looks` open questions of the read table after an
-- id, so that a call costs the same however many are open, and closes `max_count` at most. A stream that another transaction
-- appends to at this moment is left for the next round, so this never waits for an engine. Under the streams' locks the log is
-- read again. What it appends is one command for each page of an execution's questions, named after the event that ended it.
--
-- Why: docs/decisions/022-questions-end-with-their-execution.md.
--
-- grant: projector, operator
CREATE FUNCTION runfold.close_questions(
    after uuid DEFAULT NULL, looks integer DEFAULT 1000, max_count integer DEFAULT 100, OUT closed integer, OUT reached uuid
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    candidates jsonb;
    ended record;
    stream text;
    appends jsonb;
    page integer;
BEGIN
    closed := 0;
    SELECT CASE WHEN count(*) = looks THEN (array_agg(o.id ORDER BY o.id DESC))[1] END,
           jsonb_agg(jsonb_build_object('id', o.id, 'execution_id', x.execution_id, 'end_position', x.end_position) ORDER BY o.id)
               FILTER (WHERE x.end_position IS NOT NULL)
      INTO reached, candidates
      FROM (SELECT h.id, h.execution_id
              FROM public.human_interactions h
             WHERE h.status = 'pending' AND (after IS NULL OR h.id > after)
             ORDER BY h.id
             LIMIT looks) AS o
      LEFT JOIN public.workflow_executions x ON x.id = o.execution_id;

    FOR ended IN
        SELECT e.event_id, c.execution_id, array_agg(runfold.stream_id('interaction', c.id::text)) AS streams
          FROM (SELECT * FROM jsonb_to_recordset(candidates) AS c (id uuid, execution_id text, end_position bigint)
                 LIMIT max_count) AS c
          JOIN runfold.events e ON e.position = c.end_position
         GROUP BY e.event_id, c.execution_id
    LOOP
        stream := runfold.stream_id('execution', ended.execution_id);
        PERFORM FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        SELECT jsonb_agg(jsonb_build_object(
                   'stream_id', l.stream_id, 'expected_version', l.version,
                   'events', jsonb_build_array(runfold.timeout_event(l.stream_id, 'InteractionCanceled', 'execution_ended', now,
                                                                     '{"reason": "execution_ended"}'))) ORDER BY l.stream_id COLLATE "C")
          INTO appends
          FROM (SELECT s.stream_id, s.version FROM runfold.streams s WHERE s.stream_id = ANY (ended.streams)
                 ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED) AS l
         CROSS JOIN LATERAL runfold.interaction_state(runfold.stream_name(l.stream_id)::uuid) AS i
         WHERE i.status = 'pending';
        CONTINUE WHEN appends IS NULL;
        page := 1;
        WHILE EXISTS (SELECT FROM runfold.commands c
                       WHERE c.command_id = runfold.row_id(stream, 'questions', ended.event_id || '/' || page)) LOOP
            page := page + 1;
        END LOOP;
        PERFORM runfold.append_events(appends::text, runfold.row_id(stream, 'questions', ended.event_id || '/' || page));
        closed := closed + jsonb_array_length(appends);
    END LOOP;
END
$$;
