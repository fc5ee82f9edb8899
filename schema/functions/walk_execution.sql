-- The state of an execution after some more of its events.
--
-- The events come in order; the state is all NULL where there is no row yet. docs/decisions/002
-- says the rules.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.walk_execution(state_before runfold.execution_state, positions bigint[], types text[], datas jsonb[],
                                       times timestamptz[]) RETURNS runfold.execution_state
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.execution_state := state_before;
    i integer;
    type text;
    data jsonb;
    pause text;
    target text;
    ended boolean := s.end_position IS NOT NULL;
BEGIN
    FOR i IN 1 .. cardinality(positions) LOOP
        type := types[i];
        data := datas[i];
        IF type = 'ExecutionCreated' THEN
            IF s.status IS NOT NULL THEN
                s.anomalies := runfold.note_anomaly(s.anomalies, positions[i], 'workflow_executions', 'already_exists', '{}');
                CONTINUE;
            END IF;
            s.status := 'NEW';
            s.metadata := coalesce(runfold.value_of(data, 'metadata'), '{}');
            s.open_pauses := '{}';
            s.closed_pauses := '{}';
            s.paused := false;
            s.first_event_position := positions[i];
            s.created_at := times[i];
        ELSIF s.status IS NULL THEN
            s.anomalies := runfold.note_anomaly(
                s.anomalies, positions[i],
                CASE WHEN type LIKE 'Pause%' THEN 'workflow_execution_pauses' ELSE 'workflow_executions' END, 'missing_row', '{}');
            CONTINUE;
        ELSIF type = 'ExecutionMetadataSet' THEN
            s.metadata := s.metadata || (data -> 'metadata');
        ELSIF type LIKE 'Pause%' THEN
            pause := data ->> 'pause';
            IF type = 'PauseOpened' THEN
                IF ended OR s.open_pauses ? pause OR s.closed_pauses ? pause THEN
                    s.anomalies := runfold.note_anomaly(
                        s.anomalies, positions[i], 'workflow_execution_pauses',
                        CASE WHEN ended THEN 'execution_ended' ELSE 'already_exists' END, '{}');
                    CONTINUE;
                END IF;
                s.open_pauses := s.open_pauses || jsonb_build_object(pause, data -> 'pause_reason');
            ELSIF s.open_pauses ? pause THEN
                s.open_pauses := s.open_pauses - pause;
                s.closed_pauses := s.closed_pauses || jsonb_build_object(pause, runfold.pause_target(type));
            ELSE
                s.anomalies := runfold.note_anomaly(
                    s.anomalies, positions[i], 'workflow_execution_pauses',
                    CASE WHEN s.closed_pauses ? pause THEN 'after_end' ELSE 'missing_row' END,
                    CASE WHEN s.closed_pauses ? pause THEN jsonb_build_object('status', s.closed_pauses -> pause) ELSE '{}' END);
                CONTINUE;
            END IF;
            target := runfold.open_status(s.open_pauses, s.paused);
            IF target <> s.status AND NOT runfold.execution_move_is_legal(s.status, target) THEN
                s.anomalies := runfold.note_anomaly(s.anomalies, positions[i], 'workflow_executions', 'illegal_transition',
                                                    jsonb_build_object('from', s.status, 'to', target));
            END IF;
            s.status := target;
        ELSE
            IF ended THEN
                s.anomalies := runfold.note_anomaly(s.anomalies, positions[i], 'workflow_executions', 'after_end',
                                                    jsonb_build_object('status', s.status));
                CONTINUE;
            END IF;
            target := runfold.execution_target(type);
            IF NOT runfold.execution_move_is_legal(s.status, target) THEN
                s.anomalies := runfold.note_anomaly(s.anomalies, positions[i], 'workflow_executions', 'illegal_transition',
                                                    jsonb_build_object('from', s.status, 'to', target));
            END IF;
            IF NOT runfold.execution_has_ended(target) THEN
                IF type = 'ExecutionStarted' THEN
                    s.start_time := coalesce(s.start_time, (data ->> 'start_time')::bigint);
                ELSE
                    s.paused := target = 'PAUSED';
                END IF;
                -- Without pauses, as nearly always, no call.
                s.status := CASE WHEN s.open_pauses = '{}' AND NOT s.paused THEN 'RUNNING'
                                 ELSE runfold.open_status(s.open_pauses, s.paused) END;
            ELSE
                ended := true;
                s.status := target;
                s.end_position := positions[i];
                s.end_time := (data ->> 'end_time')::bigint;
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
                s.paused := false;
            END IF;
        END IF;
        s.last_event_position := positions[i];
        s.updated_at := times[i];
    END LOOP;
    RETURN s;
END
$$;
