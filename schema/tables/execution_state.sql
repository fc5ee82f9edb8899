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
    order_time timestamptz,
    anomalies jsonb
);

COMMENT ON TYPE runfold.execution_state IS 'The state of an execution that its events change in order.';

GRANT USAGE ON TYPE runfold.execution_state TO runfold_projector, runfold_operator;
