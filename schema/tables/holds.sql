-- Which engine works on which execution. A row is written when an execution is taken and when it is let go, never by a
-- beat.
CREATE TABLE runfold.holds (
    execution_id text COLLATE "C" NOT NULL,
    engine_id uuid NOT NULL,
    epoch bigint NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT holds_pkey PRIMARY KEY (execution_id),
    CONSTRAINT holds_engine_fkey FOREIGN KEY (engine_id) REFERENCES runfold.engines (engine_id) ON DELETE CASCADE,
    CONSTRAINT epoch_is_not_negative CHECK (epoch >= 0)
);
CREATE INDEX holds_engine_idx ON runfold.holds (engine_id);

COMMENT ON TABLE runfold.holds IS 'Which engine works on which execution.';
COMMENT ON COLUMN runfold.holds.epoch IS 'How often the execution was taken over: the epoch of the last ExecutionTakenOver in its stream, 0 without one.';

GRANT SELECT ON runfold.holds TO runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.holds TO runfold_engine, runfold_operator;
