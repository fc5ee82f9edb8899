CREATE TABLE runfold.verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);

COMMENT ON TABLE runfold.verifications IS 'The last verification of each projection.';

GRANT SELECT ON runfold.verifications TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verifications TO runfold_projector, runfold_operator;
