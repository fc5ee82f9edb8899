CREATE UNLOGGED TABLE runfold.rebuild_parked (
    group_name text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    found boolean NOT NULL DEFAULT false,
    CONSTRAINT rebuild_parked_pkey PRIMARY KEY (group_name, stream_id)
);

COMMENT ON TABLE runfold.rebuild_parked IS 'The streams that a rebuild leaves out from a position on.';
COMMENT ON COLUMN runfold.rebuild_parked.found IS 'The rebuild could not fold it; otherwise it was parked already.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuild_parked TO runfold_projector, runfold_operator;
GRANT SELECT ON runfold.rebuild_parked TO runfold_projections;
