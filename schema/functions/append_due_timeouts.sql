-- Appends the timeouts and warnings that are due by the database's clock, once each; returns what
-- it appended.
--
-- InteractionTimedOut, PauseTimedOut and InteractionReminderSent go into one append: an interaction
-- and its pause time out together. A stream that another transaction appends to at this moment is
-- left for the next call, so this never waits for an engine. Under the streams' locks the log is
-- read again: an answer that was recorded first wins, one that comes later finds a newer version.
-- An event's id follows from what times out, so it is recorded once by any number of workers.
--
-- Why: docs/decisions/015-the-human-loop.md.
--
-- grant: projector, operator
CREATE FUNCTION runfold.append_due_timeouts(max_count integer DEFAULT 100, remind_before interval DEFAULT '15 minutes')
RETURNS TABLE (stream_id text, type text, pause text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    now constant timestamptz := clock_timestamp();
    due jsonb;
    names text[];
    present text[];
    versions jsonb;           -- stream -> version, of those that are locked
    appends jsonb := '{}';    -- stream -> events
    candidate record;
    state record;
    other uuid;
    stream text;
    execution text;
    said text;                -- what is to happen, as the interaction has it
BEGIN
    SELECT jsonb_agg(to_jsonb(d)) INTO due FROM runfold.due_timeouts(now, max_count, remind_before) AS d;
    IF due IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT n.name)
      INTO names
      FROM jsonb_to_recordset(due) AS d (kind text, execution_id text, interactions uuid[])
     CROSS JOIN LATERAL (SELECT runfold.stream_id('execution', d.execution_id) WHERE d.kind <> 'reminder'
                         UNION ALL SELECT runfold.stream_id('interaction', i::text) FROM unnest(d.interactions) AS i) AS n (name);
    present := ARRAY(SELECT s.stream_id FROM runfold.streams s WHERE s.stream_id = ANY (names));
    SELECT coalesce(jsonb_object_agg(l.stream_id, l.version), '{}')
      INTO versions
      FROM (SELECT s.stream_id, s.version FROM runfold.streams s WHERE s.stream_id = ANY (present)
             ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED) AS l;

    FOR candidate IN
        SELECT d.kind, d.execution_id, d.pause, d.interactions
          FROM jsonb_to_recordset(due) AS d (kind text, execution_id text, pause text, interactions uuid[])
    LOOP
        execution := runfold.stream_id('execution', candidate.execution_id);
        CONTINUE WHEN candidate.kind <> 'reminder' AND execution = ANY (present) AND NOT versions ? execution;
        CONTINUE WHEN EXISTS (SELECT FROM unnest(candidate.interactions) AS i
                               CROSS JOIN LATERAL (SELECT runfold.stream_id('interaction', i::text) AS id) AS s
                               WHERE s.id = ANY (present) AND NOT versions ? s.id);
        IF candidate.kind = 'pause' THEN
            -- With its interaction already.
            CONTINUE WHEN appends -> execution @> jsonb_build_array(jsonb_build_object(
                'event_id', runfold.row_id(execution, 'PauseTimedOut', candidate.pause)));
            CONTINUE WHEN NOT EXISTS (SELECT FROM runfold.open_pauses(candidate.execution_id) AS o WHERE o.pause = candidate.pause);
            CONTINUE WHEN EXISTS (SELECT FROM unnest(candidate.interactions) AS i
                                   CROSS JOIN LATERAL runfold.interaction_state(i) AS s WHERE s.status = 'responded');
        END IF;
        said := NULL;
        FOREACH other IN ARRAY candidate.interactions LOOP
            stream := runfold.stream_id('interaction', other::text);
            SELECT s.* INTO state FROM runfold.interaction_state(other) AS s;
            IF state.status IS DISTINCT FROM 'pending' THEN
                CONTINUE;
            ELSIF candidate.kind = 'reminder' THEN
                IF NOT state.reminded THEN
                    appends := runfold.with_event(
                        appends, stream, runfold.timeout_event(stream, 'InteractionReminderSent', '', now, '{}'));
                END IF;
                CONTINUE;
            END IF;
            said := state.action;
            appends := runfold.with_event(appends, stream, runfold.timeout_event(
                stream, 'InteractionTimedOut', '', now, jsonb_build_object('action', state.action)));
        END LOOP;
        IF candidate.kind <> 'reminder' THEN
            -- The pause that is due, and the one that waits for an interaction that has timed out just now.
            FOR state IN
                SELECT o.pause, o.action
                  FROM runfold.open_pauses(candidate.execution_id) AS o
                 WHERE candidate.kind = 'pause' AND o.pause = candidate.pause
                    OR candidate.kind = 'interaction' AND appends ? runfold.stream_id('interaction', candidate.interactions[1]::text)
                   AND (o.interaction_id = candidate.interactions[1] OR o.interaction_id IS NULL AND o.pause = candidate.pause)
            LOOP
                appends := runfold.with_event(appends, execution, runfold.timeout_event(
                    execution, 'PauseTimedOut', state.pause, now, jsonb_build_object(
                        'pause', state.pause, 'action', coalesce(state.action, said, 'fail'))));
            END LOOP;
        END IF;
    END LOOP;
    IF appends = '{}' THEN
        RETURN;
    END IF;

    -- The worker does not wait for the disk, because it can fold again; who reads of a timeout acts on it.
    PERFORM set_config('synchronous_commit', s.reset_val, true) FROM pg_settings s WHERE s.name = 'synchronous_commit';
    PERFORM runfold.append_events((
        SELECT jsonb_agg(jsonb_build_object('stream_id', a.key, 'expected_version', versions -> a.key, 'events', a.value))
          FROM jsonb_each(appends) AS a)::text);
    RETURN QUERY
    SELECT a.key, e.event ->> 'type', e.event #>> '{data,pause}'
      FROM jsonb_each(appends) AS a
     CROSS JOIN jsonb_array_elements(a.value) AS e (event)
     ORDER BY a.key COLLATE "C";
END
$$;
