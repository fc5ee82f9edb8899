-- migrate:up

-- Looking back: the position that the log stood at, what was given up, and who may fold the past.

-- Events that an operator gave up, so that what waited behind them could go on. Whatever folds a group leaves them out: the
-- worker, retry, verify, rebuild, and every look at the past, also at one before they were given up.
CREATE TABLE runfold.discarded_events (
    group_name text NOT NULL,
    position bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    stream_version bigint NOT NULL,
    event_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user,
    discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT discarded_events_pkey PRIMARY KEY (group_name, position),
    CONSTRAINT reason_is_given CHECK (reason ~ '\S'),
    CONSTRAINT discarder_is_given CHECK (discarded_by ~ '\S')
);
CREATE INDEX idx_discarded_events_stream ON runfold.discarded_events (stream_id, position);
COMMENT ON TABLE runfold.discarded_events IS
    'Events that could not be folded and were given up, by group; append-only, like the log. No fold of the group meets them.';
COMMENT ON COLUMN runfold.discarded_events.error IS 'Why the event could not be folded.';
COMMENT ON COLUMN runfold.discarded_events.reason IS 'Why it was given up, as the operator said it.';
COMMENT ON COLUMN runfold.discarded_events.discarded_by IS 'Who gave it up, as the operator said it.';
COMMENT ON COLUMN runfold.discarded_events.role_name IS 'The role that the operator was logged in as.';

CREATE FUNCTION runfold.refuse_undiscarding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RF008',
        MESSAGE = format('what was discarded is on record for ever: %s on runfold.discarded_events is refused', TG_OP),
        DETAIL = '{"code": "log_immutable"}',
        HINT = 'append an event that says what the discarded one should have said';
END
$$;
COMMENT ON FUNCTION runfold.refuse_undiscarding() IS 'Trigger: refuses every change of what was discarded.';
REVOKE ALL ON FUNCTION runfold.refuse_undiscarding() FROM PUBLIC;
CREATE TRIGGER discards_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.discarded_events
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_undiscarding();

-- The log as it stood at a time: the position before the first event recorded after it, where an append ends. recorded_at
-- grows with the position, but for appends beside each other and a clock that is set back: halving finds a place where the
-- times cross, and the thousand events before it are looked at for an earlier one.
CREATE FUNCTION runfold.position_at(at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low bigint := 0;
    high bigint := runfold.safe_head() + 1;
    middle bigint;
    probe record;
    earlier bigint;
BEGIN
    LOOP
        WHILE low + 1 < high LOOP
            middle := (low + high) / 2;
            SELECT e.position, e.recorded_at INTO probe
              FROM runfold.events e
             WHERE e.position >= middle AND e.position < high
             ORDER BY e.position LIMIT 1;
            IF NOT FOUND OR probe.recorded_at > at THEN
                high := middle;
            ELSE
                low := probe.position;
            END IF;
        END LOOP;
        SELECT min(b.position) INTO earlier
          FROM (SELECT e.position, e.recorded_at FROM runfold.events e
                 WHERE e.position <= low ORDER BY e.position DESC LIMIT 1000) AS b
         WHERE b.recorded_at > at;
        EXIT WHEN earlier IS NULL;
        low := 0;
        high := earlier;
    END LOOP;
    RETURN coalesce((SELECT e.position FROM runfold.events e
                      WHERE e.position <= low AND e.append_end <= low
                      ORDER BY e.position DESC LIMIT 1), 0);
END
$$;
COMMENT ON FUNCTION runfold.position_at(timestamptz) IS
    'The position that the log stood at at a time: the last one before the first event recorded after it, where an append ends.';
REVOKE ALL ON FUNCTION runfold.position_at(timestamptz) FROM PUBLIC;

-- The executions that an execution started, as the log has them, whatever became of their rows.
CREATE INDEX idx_events_child_created ON runfold.events ((data ->> 'parent_execution_id'), position)
    WHERE category = 'execution' AND type = 'ExecutionCreated' AND data ->> 'parent_execution_id' IS NOT NULL;

-- The interactions that an execution asked for, likewise.
CREATE INDEX idx_events_interaction_requested ON runfold.events ((data ->> 'execution_id'), position)
    WHERE category = 'interaction' AND type = 'InteractionRequested';

GRANT SELECT ON runfold.discarded_events TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT INSERT ON runfold.discarded_events TO runfold_projector, runfold_operator;
GRANT EXECUTE ON FUNCTION runfold.position_at(timestamptz) TO runfold_engine, runfold_projector, runfold_operator, service_role;
-- Who may read the log and the tables may fold the one into temporary copies of the others.
GRANT SELECT ON runfold.execution_anomalies, runfold.interaction_anomalies, runfold.deployment_anomalies
    TO runfold_engine, runfold_operator, service_role;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001200';

-- migrate:down
