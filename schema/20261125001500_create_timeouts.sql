-- migrate:up

-- Time runs out: what is due is found in the read tables by an index, judged by the log under the streams' locks, and appended.
-- docs/decisions/015-the-human-loop.md says why.

-- What the log says of an interaction, by the walk of docs/decisions/007; no row where nobody was asked. The request that made the
-- row is where the walk begins: a workflow that was deleted since begins anew.
CREATE FUNCTION runfold.interaction_state(interaction uuid)
RETURNS TABLE (status text, execution_id text, pause text, timeout_at timestamptz, action text, reminded boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    request jsonb;
BEGIN
    reminded := false;
    FOR happened IN
        SELECT e.type, e.data
          FROM runfold.read_stream('interaction-' || interaction) AS e
         WHERE e.position >= coalesce((SELECT h.first_event_position FROM public.human_interactions h WHERE h.id = interaction), 0)
         ORDER BY e.stream_version
    LOOP
        IF happened.type = 'InteractionRequested' THEN
            IF request IS NULL THEN
                request := happened.data;
                status := 'pending';
            END IF;
        ELSIF request IS NOT NULL AND NOT runfold.interaction_has_ended(status) THEN
            status := coalesce(runfold.interaction_target(happened.type), status);
            reminded := reminded OR happened.type = 'InteractionReminderSent';
        END IF;
    END LOOP;
    IF request IS NOT NULL THEN
        execution_id := request ->> 'execution_id';
        pause := request ->> 'pause';
        timeout_at := (request ->> 'timeout_at')::timestamptz;
        action := coalesce(runfold.timeout_action(request -> 'request_data'), 'fail');
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.interaction_state(uuid) IS
    'What the log says of an interaction now: its status, what waits for it, and until when.';

-- What is to happen when time runs out: the producer says so in `timeout_action`, of the request, or of the pause's conditions where
-- that is to do something else. It fails where nothing is said.
CREATE FUNCTION runfold.timeout_action(said jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(said -> 'timeout_action') = 'string' AND said ->> 'timeout_action' <> ''
                THEN left(said ->> 'timeout_action', 255) END
$$;
COMMENT ON FUNCTION runfold.timeout_action(jsonb) IS 'What is to happen when time runs out, where somebody said so: the field timeout_action.';

-- The pauses that the log says are open, whatever the read tables have folded yet.
CREATE FUNCTION runfold.open_pauses(execution_id text)
RETURNS TABLE (pause text, interaction_id uuid, timeout_at timestamptz, action text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.position, e.type, e.data ->> 'pause' COLLATE "C" AS pause, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = 'execution-' || $1
           AND e.type IN ('PauseOpened', 'PauseResumed', 'PauseTimedOut', 'PauseCanceled', 'ExecutionSucceeded', 'ExecutionFailed',
                          'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
           AND e.position >= coalesce((SELECT x.first_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0)
    ), opened AS (
        SELECT DISTINCT ON (h.pause) h.* FROM happened h WHERE h.type = 'PauseOpened' ORDER BY h.pause, h.position
    )
    SELECT o.pause, (o.data ->> 'interaction_id')::uuid, (o.data ->> 'timeout_at')::timestamptz,
           runfold.timeout_action(o.data -> 'resume_conditions')
      FROM opened o
     WHERE NOT EXISTS (SELECT FROM happened c
                        WHERE c.type LIKE 'Execution%'
                           OR (c.type <> 'PauseOpened' AND c.pause = o.pause AND c.position > o.position))
$$;
COMMENT ON FUNCTION runfold.open_pauses(text) IS 'The pauses of an execution that are open now, as the log says.';

-- An event about time, with an id that only it can have: recorded once, whoever appends it.
CREATE FUNCTION runfold.timeout_event(stream_id text, type text, name text, at timestamptz, data jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('event_id', runfold.row_id(stream_id, type, name), 'type', type, 'occurred_at', i.instant,
                              'data', data || jsonb_build_object('at', i.instant))
      FROM (SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant) AS i
$$;
COMMENT ON FUNCTION runfold.timeout_event(text, text, text, timestamptz, jsonb) IS
    'An event about time running out, to append: its id follows from what it is about.';

-- What is due by the database's clock, so many of each kind at most: interactions past their time, pauses past theirs, and interactions
-- that are near it and were not warned of. The read tables find them, the oldest first; the log decides, one by one, until there
-- are enough: what can not time out and stands in front is passed by.
CREATE FUNCTION runfold.due_timeouts(at timestamptz, max_count integer, remind_before interval)
RETURNS TABLE (kind text, execution_id text, pause text, interactions uuid[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    candidate record;
    state record;
    found integer := 0;
BEGIN
    kind := 'interaction';
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id('interaction-' || h.id, 'InteractionTimedOut', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND state.timeout_at <= at THEN
            execution_id := state.execution_id;
            pause := state.pause;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'pause';
    found := 0;
    FOR candidate IN
        SELECT x.execution_id, p.name, p.interaction_id, p.execution_id AS row_id
          FROM public.workflow_execution_pauses p
          JOIN public.workflow_executions x ON x.id = p.execution_id
         WHERE p.status = 'active' AND p.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id('execution-' || x.execution_id, 'PauseTimedOut', p.name))
         ORDER BY p.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        IF candidate.interaction_id IS NOT NULL THEN
            SELECT array_agg(candidate.interaction_id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state FROM runfold.interaction_state(candidate.interaction_id) AS s;
        ELSE
            SELECT array_agg(h.id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state
              FROM public.human_interactions h
             CROSS JOIN LATERAL runfold.interaction_state(h.id) AS s
             WHERE h.execution_id = candidate.row_id AND s.pause = candidate.name;
        END IF;
        IF state.answered IS NOT TRUE
           AND EXISTS (SELECT FROM runfold.open_pauses(candidate.execution_id) AS o WHERE o.pause = candidate.name) THEN
            execution_id := candidate.execution_id;
            pause := candidate.name;
            interactions := coalesce(state.ids, '{}');
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'reminder';
    found := 0;
    pause := NULL;
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at > at AND h.timeout_at <= at + remind_before
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id('interaction-' || h.id, 'InteractionReminderSent', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND NOT state.reminded THEN
            execution_id := state.execution_id;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.due_timeouts(timestamptz, integer, interval) IS
    'Interactions and pauses past their time, and interactions near it that were not warned of.';

-- Appends InteractionTimedOut, PauseTimedOut and InteractionReminderSent where they are due, in one append: an interaction and its
-- pause time out together. A stream that somebody else appends to at this moment is left for the next call, so this never waits for
-- an engine. Under the streams' locks the log is looked at again: an answer that was recorded first stands, one that comes
-- later finds its version moved. Ids follow from what is timed out, so that it is recorded once by any number of workers.
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
     CROSS JOIN LATERAL (SELECT 'execution-' || d.execution_id WHERE d.kind <> 'reminder'
                         UNION ALL SELECT 'interaction-' || i FROM unnest(d.interactions) AS i) AS n (name);
    present := ARRAY(SELECT s.stream_id FROM runfold.streams s WHERE s.stream_id = ANY (names));
    SELECT coalesce(jsonb_object_agg(l.stream_id, l.version), '{}')
      INTO versions
      FROM (SELECT s.stream_id, s.version FROM runfold.streams s WHERE s.stream_id = ANY (present)
             ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED) AS l;

    FOR candidate IN
        SELECT d.kind, d.execution_id, d.pause, d.interactions
          FROM jsonb_to_recordset(due) AS d (kind text, execution_id text, pause text, interactions uuid[])
    LOOP
        execution := 'execution-' || candidate.execution_id;
        CONTINUE WHEN candidate.kind <> 'reminder' AND execution = ANY (present) AND NOT versions ? execution;
        CONTINUE WHEN EXISTS (SELECT FROM unnest(candidate.interactions) AS i
                               WHERE 'interaction-' || i = ANY (present) AND NOT versions ? ('interaction-' || i));
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
            stream := 'interaction-' || other;
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
                    OR candidate.kind = 'interaction' AND appends ? ('interaction-' || candidate.interactions[1])
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
COMMENT ON FUNCTION runfold.append_due_timeouts(integer, interval) IS
    'Appends the timeouts and warnings that are due by the database''s clock, once each; returns what it appended.';

CREATE FUNCTION runfold.with_event(appends jsonb, stream_id text, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN appends -> stream_id @> jsonb_build_array(jsonb_build_object('event_id', event -> 'event_id')) THEN appends
                ELSE appends || jsonb_build_object(stream_id, coalesce(appends -> stream_id, '[]') || event) END
$$;
COMMENT ON FUNCTION runfold.with_event(jsonb, text, jsonb) IS 'The events by stream, with one more unless it is among them.';

-- An execution is given up only if the log has seen nothing of it for that long, by the server's clock: neither events nor log lines.
-- Its stream is locked before it is looked at, so an engine that lives after all either comes first or finds its version moved.
CREATE FUNCTION runfold.declare_lost(execution_id text, idle interval, detector text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := 'execution-' || execution_id;
    now timestamptz;
    at text;
    last_seen timestamptz;
    version bigint;
BEGIN
    SELECT s.version INTO version FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE;
    now := clock_timestamp();
    last_seen := runfold.execution_last_seen(execution_id);
    IF last_seen IS NULL OR last_seen > now - idle OR runfold.has_ended(execution_id) THEN
        RETURN NULL;
    END IF;
    at := to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    PERFORM runfold.append_events(jsonb_build_array(jsonb_build_object(
        'stream_id', stream, 'expected_version', version, 'events', jsonb_build_array(jsonb_build_object(
            'event_id', gen_random_uuid(), 'type', 'ExecutionDeclaredLost', 'occurred_at', at,
            'data', jsonb_build_object(
                'end_time', floor(extract(epoch FROM now) * 1000)::bigint, 'detector', detector,
                'last_seen', to_char(last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))))::text);
    RETURN last_seen;
END
$$;
COMMENT ON FUNCTION runfold.declare_lost(text, interval, text) IS
    'Ends an execution that was not seen for that long, and returns when it was last seen; NULL, and nothing, if it was or has ended.';

CREATE FUNCTION runfold.execution_last_seen(execution_id text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(e.recorded_at)
      FROM runfold.streams s
      JOIN runfold.events e ON e.position = s.last_position
     WHERE s.stream_id IN ('execution-' || $1, 'log-' || $1)
$$;
COMMENT ON FUNCTION runfold.execution_last_seen(text) IS
    'When the log recorded the last event of an execution or of its log lines, by the server''s clock.';

CREATE FUNCTION runfold.has_ended(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = 'execution-' || $1
           AND e.type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
           AND e.position >= coalesce((SELECT x.first_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0))
$$;
COMMENT ON FUNCTION runfold.has_ended(text) IS 'Whether the log holds the end of an execution, folded or not.';

-- For who looks for deployments that never end.
CREATE INDEX idx_deployment_history_under_way ON public.workflow_deployment_history (started_at) WHERE completed_at IS NULL;

REVOKE ALL ON FUNCTION runfold.interaction_state(uuid), runfold.timeout_action(jsonb), runfold.open_pauses(text),
    runfold.timeout_event(text, text, text, timestamptz, jsonb), runfold.due_timeouts(timestamptz, integer, interval),
    runfold.append_due_timeouts(integer, interval), runfold.with_event(jsonb, text, jsonb),
    runfold.declare_lost(text, interval, text), runfold.execution_last_seen(text), runfold.has_ended(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_state(uuid), runfold.timeout_action(jsonb), runfold.open_pauses(text),
    runfold.execution_last_seen(text), runfold.has_ended(text)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT EXECUTE ON FUNCTION runfold.append_due_timeouts(integer, interval) TO runfold_projector, runfold_operator;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001500';

-- migrate:down
