-- migrate:up

-- What the folds in projections/ share. Pure functions of their arguments: no clock, no tables, no settings. The SQL ones are not
-- STRICT, because a strict function is not inlined unless all of its body is.

-- Later objects win, key by key: "the last given" of every field at once. Strict, so that it is fed ordered, stripped objects.
CREATE AGGREGATE runfold.merge(jsonb) (SFUNC = pg_catalog.jsonb_concat, STYPE = jsonb);
COMMENT ON AGGREGATE runfold.merge(jsonb) IS 'Concatenation of objects in their order: of each key the last.';

CREATE FUNCTION runfold.drop_nulls(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.jsonb_object_agg(key, value), '{}')
      FROM pg_catalog.jsonb_each(data)
     WHERE value OPERATOR(pg_catalog.<>) 'null'
$$;
COMMENT ON FUNCTION runfold.drop_nulls(jsonb) IS 'The object without its null fields; nested nulls stay.';

-- The fields that are present and not null: an explicit null gives nothing. Inlined, so that the usual object costs one look.
CREATE FUNCTION runfold.given(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN data OPERATOR(pg_catalog.@?) 'strict $.* ? (@ == null)' THEN runfold.drop_nulls(data) ELSE data END
$$;
COMMENT ON FUNCTION runfold.given(jsonb) IS 'The object without its null fields; nested nulls stay.';

CREATE FUNCTION runfold.value_of(data jsonb, field text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif($1 -> $2, 'null'::jsonb)
$$;
COMMENT ON FUNCTION runfold.value_of(jsonb, text) IS 'A field of the object; NULL when it is absent or null.';

CREATE FUNCTION runfold.from_epoch_ms(ms bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Days apart from the rest: whole milliseconds times an interval lose precision in the year 2255.
    SELECT (timestamp '1970-01-01' OPERATOR(pg_catalog.+) pg_catalog.make_interval(
                days => (ms / 86400000)::integer, secs => (ms % 86400000)::double precision / 1000))
           AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION runfold.from_epoch_ms(bigint) IS 'Epoch milliseconds as a timestamp.';

-- The status an event of a node moves it to.
CREATE FUNCTION runfold.node_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'NodeSucceeded' THEN 'SUCCESS'
           WHEN 'NodeStarted' THEN 'RUNNING'
           WHEN 'NodeScheduled' THEN 'PENDING'
           WHEN 'NodeAttemptFailed' THEN 'RETRYING'
           WHEN 'NodeFailed' THEN 'ERROR'
           WHEN 'NodeWaiting' THEN 'WAITING_INPUT'
           WHEN 'NodeContinued' THEN 'RUNNING'
           WHEN 'NodeSkipped' THEN 'SKIPPED'
           WHEN 'NodeCanceled' THEN 'CANCELED' END
$$;
COMMENT ON FUNCTION runfold.node_target(text) IS 'The status an event moves its node to.';

CREATE FUNCTION runfold.node_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED'), false)
$$;
COMMENT ON FUNCTION runfold.node_has_ended(text) IS 'Whether a node of this status has ended; a node without one has not.';

-- The table of legal transitions; a node that does not exist has no status.
CREATE FUNCTION runfold.node_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('PENDING', 'RUNNING', 'SUCCESS', 'SKIPPED')
           WHEN 'PENDING' THEN target IN ('RUNNING', 'SKIPPED', 'CANCELED', 'SUCCESS')
           WHEN 'RUNNING' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'RETRYING', 'WAITING_INPUT', 'CANCELED')
           WHEN 'RETRYING' THEN target IN ('RUNNING', 'ERROR', 'CANCELED')
           WHEN 'WAITING_INPUT' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'CANCELED')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.node_move_is_legal(text, text) IS 'Whether the vocabulary lets a node move so.';

CREATE FUNCTION runfold.execution_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'NEW' THEN target IN ('RUNNING', 'CANCELED', 'ERROR')
           WHEN 'RUNNING' THEN target IN ('SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT', 'PAUSED', 'WAITING_FOR_HUMAN')
           WHEN 'PAUSED' THEN target IN ('RUNNING', 'WAITING_FOR_HUMAN', 'CANCELED', 'TIMEOUT', 'ERROR')
           WHEN 'WAITING_FOR_HUMAN' THEN target IN ('RUNNING', 'PAUSED', 'CANCELED', 'TIMEOUT', 'ERROR')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.execution_move_is_legal(text, text) IS 'Whether the vocabulary lets an execution move so.';

-- What depends on the order of an execution's events: status, open pauses, first start, the end, and the anomalies found on
-- the way. A type of its own, not the table's row type, which changes with what the table is bound to.
CREATE TYPE runfold.execution_state AS (
    status text,
    start_time bigint,
    end_time bigint,
    run_data jsonb,
    metadata jsonb,
    error_message text,
    error_details jsonb,
    open_pauses jsonb,
    closed_pauses jsonb,
    paused boolean,
    first_event_position bigint,
    end_position bigint,
    last_event_position bigint,
    created_at timestamptz,
    updated_at timestamptz,
    anomalies jsonb
);
COMMENT ON TYPE runfold.execution_state IS 'The state of an execution that its events change in order.';

-- Walks the events of one execution, in order, from the state that stands (all NULL: no row). docs/decisions/002 is its text.
CREATE FUNCTION runfold.walk_execution(stands runfold.execution_state, positions bigint[], types text[], datas jsonb[],
                                       times timestamptz[]) RETURNS runfold.execution_state
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.execution_state := stands;
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
            target := CASE type
                      WHEN 'ExecutionStarted' THEN 'RUNNING'
                      WHEN 'ExecutionResumed' THEN 'RUNNING'
                      WHEN 'ExecutionPaused' THEN 'PAUSED'
                      WHEN 'ExecutionSucceeded' THEN 'SUCCESS'
                      WHEN 'ExecutionFailed' THEN 'ERROR'
                      WHEN 'ExecutionCanceled' THEN 'CANCELED'
                      WHEN 'ExecutionTimedOut' THEN 'TIMEOUT'
                      WHEN 'ExecutionDeclaredLost' THEN 'ERROR' END;
            IF NOT runfold.execution_move_is_legal(s.status, target) THEN
                s.anomalies := runfold.note_anomaly(s.anomalies, positions[i], 'workflow_executions', 'illegal_transition',
                                                    jsonb_build_object('from', s.status, 'to', target));
            END IF;
            IF target IN ('RUNNING', 'PAUSED') THEN
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
COMMENT ON FUNCTION runfold.walk_execution(runfold.execution_state, bigint[], text[], jsonb[], timestamptz[]) IS
    'The state of an execution after some more of its events.';

CREATE FUNCTION runfold.pause_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'PauseOpened' THEN 'active'
           WHEN 'PauseResumed' THEN 'resumed'
           WHEN 'PauseTimedOut' THEN 'timeout'
           WHEN 'PauseCanceled' THEN 'cancelled' END
$$;
COMMENT ON FUNCTION runfold.pause_target(text) IS 'The status an event moves its pause to.';

-- The status of an execution that has started and not ended.
CREATE FUNCTION runfold.open_status(open_pauses jsonb, paused boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.jsonb_each_text(open_pauses) WHERE value = 'human_interaction')
                THEN 'WAITING_FOR_HUMAN'
                WHEN paused OR open_pauses OPERATOR(pg_catalog.<>) '{}' THEN 'PAUSED'
                ELSE 'RUNNING' END
$$;
COMMENT ON FUNCTION runfold.open_status(jsonb, boolean) IS 'The status that the open pauses make of a running execution.';

CREATE FUNCTION runfold.note_anomaly(anomalies jsonb, "position" bigint, projection text, code text, detail jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(anomalies, '[]') OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
               'position', "position", 'projection', projection, 'code', code, 'detail', detail)
$$;
COMMENT ON FUNCTION runfold.note_anomaly(jsonb, bigint, text, text, jsonb) IS 'One more anomaly of a walk.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA runfold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.row_id(text, text, text), runfold.merge(jsonb), runfold.given(jsonb), runfold.drop_nulls(jsonb),
    runfold.value_of(jsonb, text), runfold.from_epoch_ms(bigint), runfold.node_target(text), runfold.node_has_ended(text),
    runfold.node_move_is_legal(text, text), runfold.execution_move_is_legal(text, text),
    runfold.walk_execution(runfold.execution_state, bigint[], text[], jsonb[], timestamptz[]), runfold.pause_target(text),
    runfold.open_status(jsonb, boolean), runfold.note_anomaly(jsonb, bigint, text, text, jsonb)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT USAGE ON TYPE runfold.execution_state TO runfold_projector, runfold_operator;

-- Interactions, responses, deployments and triggers, as docs/decisions/007 has them. An event that moves nothing has no target.
CREATE FUNCTION runfold.interaction_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'InteractionRequested' THEN 'pending'
           WHEN 'InteractionResponded' THEN 'responded'
           WHEN 'InteractionTimedOut' THEN 'timeout'
           WHEN 'InteractionCanceled' THEN 'cancelled'
           WHEN 'InteractionFailed' THEN 'error'
           WHEN 'InteractionReopened' THEN 'pending' END
$$;
COMMENT ON FUNCTION runfold.interaction_target(text) IS 'The status an event moves its interaction to.';

CREATE FUNCTION runfold.interaction_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('responded', 'timeout', 'cancelled'), false)
$$;
COMMENT ON FUNCTION runfold.interaction_has_ended(text) IS 'Whether an interaction of this status has ended.';

CREATE FUNCTION runfold.interaction_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'pending' THEN target IN ('responded', 'timeout', 'error', 'cancelled')
           WHEN 'error' THEN target IN ('pending')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.interaction_move_is_legal(text, text) IS 'Whether the vocabulary lets an interaction move so.';

CREATE FUNCTION runfold.response_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ResponseReceived' THEN 'unprocessed'
           WHEN 'ResponseMatched' THEN 'matched'
           WHEN 'ResponseFilteredOut' THEN 'filtered_out'
           WHEN 'ResponseErrored' THEN 'error'
           WHEN 'ResponseReopened' THEN 'unprocessed' END
$$;
COMMENT ON FUNCTION runfold.response_target(text) IS 'The status an event moves its response to.';

CREATE FUNCTION runfold.response_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'unprocessed' THEN target IN ('matched', 'filtered_out', 'error')
           WHEN 'error' THEN target IN ('unprocessed')
           WHEN 'filtered_out' THEN target IN ('unprocessed')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.response_move_is_legal(text, text) IS 'Whether the vocabulary lets a response move so.';

CREATE FUNCTION runfold.deployment_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'IDLE' THEN target IN ('DEPLOYING')
           WHEN 'UNDEPLOYED' THEN target IN ('DEPLOYING')
           WHEN 'DEPLOYMENT_FAILED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'DEPLOYING' THEN target IN ('DEPLOYED', 'DEPLOYMENT_FAILED')
           WHEN 'DEPLOYED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'UNDEPLOYING' THEN target IN ('UNDEPLOYED', 'DEPLOYMENT_FAILED')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.deployment_move_is_legal(text, text) IS 'Whether the vocabulary lets a workflow''s deployment move so.';

CREATE FUNCTION runfold.trigger_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'TriggerRegistered' THEN 'pending'
           WHEN 'TriggerActivated' THEN 'active'
           WHEN 'TriggerDeactivated' THEN 'inactive'
           WHEN 'TriggerFailed' THEN 'failed' END
$$;
COMMENT ON FUNCTION runfold.trigger_target(text) IS 'The status an event moves its trigger to.';

CREATE FUNCTION runfold.trigger_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('pending')
           WHEN 'pending' THEN target IN ('active', 'failed')
           WHEN 'active' THEN target IN ('inactive')
           WHEN 'inactive' THEN target IN ('active')
           WHEN 'failed' THEN target IN ('pending')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.trigger_move_is_legal(text, text) IS 'Whether the vocabulary lets a trigger move so.';

-- Not inlined, so that a fold that hardly ever asks does not plan the look into the partitions.
CREATE FUNCTION runfold.occurred_at("position" bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT e.occurred_at FROM runfold.events e WHERE e.position = $1);
END
$$;
COMMENT ON FUNCTION runfold.occurred_at(bigint) IS 'When the event at a position occurred.';

REVOKE ALL ON FUNCTION runfold.interaction_target(text), runfold.interaction_has_ended(text),
    runfold.interaction_move_is_legal(text, text), runfold.response_target(text), runfold.response_move_is_legal(text, text),
    runfold.deployment_move_is_legal(text, text), runfold.trigger_target(text), runfold.trigger_move_is_legal(text, text),
    runfold.occurred_at(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_target(text), runfold.interaction_has_ended(text),
    runfold.interaction_move_is_legal(text, text), runfold.response_target(text), runfold.response_move_is_legal(text, text),
    runfold.deployment_move_is_legal(text, text), runfold.trigger_target(text), runfold.trigger_move_is_legal(text, text),
    runfold.occurred_at(bigint)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000800';

-- migrate:down
