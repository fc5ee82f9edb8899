CREATE TABLE runfold.verify_differences (
    group_name text NOT NULL,
    projection text NOT NULL,
    derived boolean NOT NULL DEFAULT false,
    key jsonb NOT NULL,
    kind text NOT NULL,
    columns jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT verify_differences_pkey PRIMARY KEY (group_name, projection, derived, key)
);

COMMENT ON TABLE runfold.verify_differences IS 'The rows that differ, as the slices of the last verification in slices found them.';
COMMENT ON COLUMN runfold.verify_differences.derived IS 'Of a copy or a count of the table''s rows, in another table.';

GRANT SELECT ON runfold.verify_differences TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verify_differences TO runfold_projector, runfold_operator;
