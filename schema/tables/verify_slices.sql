CREATE TABLE runfold.verify_slices (
    group_name text NOT NULL,
    part text NOT NULL,
    slice integer NOT NULL,
    digest text NOT NULL,
    upto text NOT NULL,
    position bigint NOT NULL,
    events bigint NOT NULL,
    rows bigint NOT NULL,
    seconds double precision NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT verify_slices_pkey PRIMARY KEY (group_name, part, slice)
);

COMMENT ON TABLE runfold.verify_slices IS
    'The slices of each group''s last verification in slices: a verification that was interrupted goes on after them.';
COMMENT ON COLUMN runfold.verify_slices.part IS 'A category of streams, or the rows of a table: what is cut into slices.';
COMMENT ON COLUMN runfold.verify_slices.digest IS 'What is verified, and by which files: another one begins again.';
COMMENT ON COLUMN runfold.verify_slices.upto IS 'Its last stream, or its last value of the column that names the stream.';
COMMENT ON COLUMN runfold.verify_slices.position IS 'The checkpoint in the slice''s snapshot: the rows were compared as of there.';

GRANT SELECT ON runfold.verify_slices TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verify_slices TO runfold_projector, runfold_operator;
