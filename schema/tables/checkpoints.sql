CREATE TABLE runfold.checkpoints (
    group_name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    moved_at timestamptz,
    stopped_sqlstate text,
    stopped_error text,
    stopped_at timestamptz,
    retried_sqlstate text,
    retried_error text,
    retried_since timestamptz
);

COMMENT ON TABLE runfold.checkpoints IS
    'How far each group of projections has folded the log; moved in the transaction that writes the rows.';
COMMENT ON COLUMN runfold.checkpoints.stopped_error IS 'Why the group waits for an operator; NULL: it does not.';
COMMENT ON COLUMN runfold.checkpoints.retried_error IS
    'What the next batch fails with, again and again, though it may pass; NULL: the group moved since.';

GRANT SELECT ON runfold.checkpoints TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.checkpoints TO runfold_projector, runfold_operator;
