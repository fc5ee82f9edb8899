CREATE TABLE runfold.snapshots (
    category text COLLATE "C" NOT NULL,
    originator_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (category, originator_id, version)
);

COMMENT ON TABLE runfold.snapshots IS
    'Aggregates as they stood at a version, to shorten their reading. May be deleted at any time: the log is the truth.';
COMMENT ON COLUMN runfold.snapshots.call_id IS 'The call that recorded it: the same call sent again is not a conflict.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.snapshots TO runfold_engine, runfold_operator, service_role;
