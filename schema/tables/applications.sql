CREATE TABLE runfold.applications (
    category text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.applications IS
    'The applications that write opaque events, one a category.';

GRANT SELECT ON runfold.applications TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
