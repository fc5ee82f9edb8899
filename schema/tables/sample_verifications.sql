-- Verifications of a sample have a table of their own, apart from those of a whole table.
CREATE TABLE runfold.sample_verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    streams bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);

COMMENT ON TABLE runfold.sample_verifications IS 'The last verification of each projection that looked at some streams only.';

GRANT SELECT ON runfold.sample_verifications TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.sample_verifications TO runfold_projector, runfold_operator;
