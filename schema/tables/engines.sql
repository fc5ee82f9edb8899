-- The engines that run, one row each. An engine beats once a second, in one statement, however many executions it
-- holds; each beat notes the leader's own beat, so that silence is counted in beats of the leader and by no clock.
--
-- No index has a column that a beat changes, and half of each page is free: a beat is a HOT update.
CREATE TABLE runfold.engines (
    engine_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    patience integer NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    leader_epoch bigint NOT NULL DEFAULT 0,
    leader_beat bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    gone_at timestamptz,
    CONSTRAINT engines_pkey PRIMARY KEY (engine_id),
    CONSTRAINT engines_have_a_name CHECK (name <> '' AND length(name) <= 255),
    CONSTRAINT patience_is_some_beats CHECK (patience BETWEEN 4 AND 100000)
) WITH (fillfactor = 50);

COMMENT ON TABLE runfold.engines IS 'The engines that run. One that stops says goodbye, and its row goes with its holds.';
COMMENT ON COLUMN runfold.engines.name IS 'Its name for people, as ExecutionTakenOver gives it.';
COMMENT ON COLUMN runfold.engines.patience IS 'How many beats of the leader it may miss before it is silent; the leader beats twice a second.';
COMMENT ON COLUMN runfold.engines.leader_epoch IS 'The epoch of the leader at the last beat.';
COMMENT ON COLUMN runfold.engines.leader_beat IS 'The beat of the leader at the last beat.';
COMMENT ON COLUMN runfold.engines.beat_at IS 'The server''s time of the last beat, for people: nothing is decided by it.';
COMMENT ON COLUMN runfold.engines.gone_at IS 'When an execution was taken from it while it was silent: it beats no more.';

GRANT SELECT ON runfold.engines TO runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.engines TO runfold_engine, runfold_operator;
