CREATE TABLE runfold.projections (
    name text PRIMARY KEY,
    group_name text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.projections IS 'The version of the file each read table was built with.';

GRANT SELECT ON runfold.projections TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.projections TO runfold_projector, runfold_operator;
