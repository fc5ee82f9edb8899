CREATE TABLE runfold.leader (
    singleton boolean PRIMARY KEY DEFAULT true,
    epoch bigint NOT NULL DEFAULT 0,
    beat bigint NOT NULL DEFAULT 0,
    worker text,
    backends jsonb NOT NULL DEFAULT '[]',
    led_since timestamptz,
    beat_at timestamptz,
    CONSTRAINT leader_is_one_row CHECK (singleton)
);
INSERT INTO runfold.leader DEFAULT VALUES;

COMMENT ON TABLE runfold.leader IS 'The worker that leads, by epoch; `beat` grows while it lives, so no clock is compared.';
COMMENT ON COLUMN runfold.leader.backends IS 'Its connections, [pid, backend_start], which a successor terminates.';

GRANT SELECT ON runfold.leader TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.leader TO runfold_projector, runfold_operator;
