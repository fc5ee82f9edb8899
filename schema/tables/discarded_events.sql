-- Events that an operator gave up, so that the events behind them could be folded. Every fold of a group leaves them out: the
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

GRANT SELECT ON runfold.discarded_events TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT ON runfold.discarded_events TO runfold_projector, runfold_operator;

-- after the functions

CREATE TRIGGER discards_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.discarded_events
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_undiscarding();
