CREATE UNLOGGED TABLE runfold.rebuild_slices (
    group_name text NOT NULL,
    slice integer NOT NULL,
    CONSTRAINT rebuild_slices_pkey PRIMARY KEY (group_name, slice)
);

COMMENT ON TABLE runfold.rebuild_slices IS 'The slices of a rebuild that are done: noted in the transaction that writes their rows.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuild_slices TO runfold_projector, runfold_operator;
