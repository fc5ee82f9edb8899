-- The state of an execution after some more of its events.
--
-- The events come in order; the state is all NULL where there is no row yet. docs/decisions/002
-- says the rules. An event costs the same however many came before it: what pauses do is found
-- for all of them at once (`walk_pauses`), and what grows is put together at the end.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.walk_execution(state_before runfold.execution_state, positions bigint[], types text[], datas jsonb[],
                                       times timestamptz[], recorded timestamptz[]) RETURNS runfold.execution_state
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.execution_state := state_before;
    i integer;
    type text;
    data jsonb;
    target text;
    ended boolean := s.end_position IS NOT NULL;
    open integer := 0;           -- pauses, and those of them that wait for a person
    open_for_people integer := 0;
    effects text[];              -- of the pause events, from the first one on: what each does
    for_people integer[];
    statuses text[];
    number integer := 0;         -- of the pause event
    noted jsonb[];
    set_metadata jsonb[];
    effect text;
BEGIN
    IF s.open_pauses <> '{}' THEN
        SELECT count(*), count(*) FILTER (WHERE p.value = 'human_interaction') INTO open, open_for_people
          FROM jsonb_each_text(s.open_pauses) AS p;
    END IF;
    FOR i IN 1 .. cardinality(positions) LOOP
        type := types[i];
        data := datas[i];
        IF type = 'ExecutionCreated' THEN
            IF s.status IS NOT NULL THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'already_exists', 'detail', '{}'::jsonb);
                CONTINUE;
            END IF;
            s.status := 'NEW';
            s.metadata := coalesce(runfold.value_of(data, 'metadata'), '{}');
            s.open_pauses := '{}';
            s.closed_pauses := '{}';
            s.paused := false;
            s.first_event_position := positions[i];
            s.created_at := times[i];
            s.order_time := least(times[i], recorded[i]);
        ELSIF s.status IS NULL THEN
            noted := noted || jsonb_build_object(
                'position', positions[i], 'code', 'missing_row', 'detail', '{}'::jsonb,
                'projection', CASE WHEN type LIKE 'Pause%' THEN 'workflow_execution_pauses' ELSE 'workflow_executions' END);
            CONTINUE;
        ELSIF type = 'ExecutionMetadataSet' THEN
            set_metadata := set_metadata || (data -> 'metadata');
        ELSIF type LIKE 'Pause%' THEN
            IF number = 0 THEN
                SELECT w.effects, w.for_people, w.statuses, w.open_pauses, w.closed_pauses
                  INTO effects, for_people, statuses, s.open_pauses, s.closed_pauses
                  FROM runfold.walk_pauses(s.open_pauses, s.closed_pauses, ended, types, datas, i) AS w;
            END IF;
            number := number + 1;
            effect := effects[number];
            IF effect = 'opens' THEN
                open := open + 1;
                open_for_people := open_for_people + for_people[number];
            ELSIF effect = 'closes' THEN
                open := open - 1;
                open_for_people := open_for_people - for_people[number];
            ELSE
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_execution_pauses', 'code', effect,
                    'detail', CASE WHEN effect = 'after_end' THEN jsonb_build_object('status', statuses[number]) ELSE '{}' END);
                CONTINUE;
            END IF;
            target := CASE WHEN open_for_people > 0 THEN 'WAITING_FOR_HUMAN' WHEN s.paused OR open > 0 THEN 'PAUSED' ELSE 'RUNNING' END;
            IF target <> s.status AND NOT runfold.execution_move_is_legal(s.status, target) THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'illegal_transition',
                    'detail', jsonb_build_object('from', s.status, 'to', target));
            END IF;
            s.status := target;
        ELSE
            IF ended THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'after_end',
                    'detail', jsonb_build_object('status', s.status));
                CONTINUE;
            END IF;
            target := runfold.execution_target(type);
            IF NOT runfold.execution_move_is_legal(s.status, target) THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'illegal_transition',
                    'detail', jsonb_build_object('from', s.status, 'to', target));
            ELSIF (data ->> 'end_time')::bigint < s.start_time THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'clock_went_back',
                    'detail', jsonb_build_object('start_time', s.start_time, 'end_time', data -> 'end_time'));
            END IF;
            IF NOT runfold.execution_has_ended(target) THEN
                IF type = 'ExecutionStarted' THEN
                    IF s.start_time IS NULL THEN
                        s.start_time := (data ->> 'start_time')::bigint;
                        s.order_time := least(runfold.from_epoch_ms(s.start_time), recorded[i]);
                    END IF;
                ELSE
                    s.paused := target = 'PAUSED';
                END IF;
                s.status := CASE WHEN open = 0 AND NOT s.paused THEN 'RUNNING' WHEN open_for_people > 0 THEN 'WAITING_FOR_HUMAN' ELSE 'PAUSED' END;
            ELSE
                ended := true;
                s.status := target;
                s.end_position := positions[i];
                -- An end before its start, by another clock, counts as its start.
                s.end_time := greatest((data ->> 'end_time')::bigint, s.start_time);
                s.run_data := runfold.value_of(data, 'run_data');
                s.error_message := data ->> 'error_message';
                s.error_details := CASE type
                    WHEN 'ExecutionDeclaredLost' THEN jsonb_build_object('code', 'LOST', 'detector', data -> 'detector',
                                                                         'last_seen', data -> 'last_seen')
                    ELSE runfold.value_of(data, 'error_details') END;
                IF s.open_pauses <> '{}' THEN
                    s.closed_pauses := s.closed_pauses
                        || (SELECT jsonb_object_agg(name, 'cancelled') FROM jsonb_object_keys(s.open_pauses) AS o (name));
                    s.open_pauses := '{}';
                END IF;
                open := 0;
                open_for_people := 0;
                s.paused := false;
            END IF;
        END IF;
        s.last_event_position := positions[i];
        s.updated_at := times[i];
    END LOOP;
    IF noted IS NOT NULL THEN
        s.anomalies := coalesce(s.anomalies, '[]') || to_jsonb(noted);
    END IF;
    IF cardinality(set_metadata) = 1 THEN
        s.metadata := s.metadata || set_metadata[1];
    ELSIF set_metadata IS NOT NULL THEN
        -- Of each key the last.
        s.metadata := (SELECT coalesce(jsonb_object_agg(e.key, e.value ORDER BY m.n), '{}')
                         FROM unnest(s.metadata || set_metadata) WITH ORDINALITY AS m (object, n)
                        CROSS JOIN LATERAL jsonb_each(m.object) AS e);
    END IF;
    RETURN s;
END
$$;
