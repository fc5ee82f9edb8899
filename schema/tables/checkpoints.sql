CREATE TABLE runfold.checkpoints (
    group_name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    moved_at timestamptz,
    stopped_sqlstate text,
    stopped_error text,
    stopped_at timestamptz
);

COMMENT ON TABLE runfold.checkpoints IS
    'How far each group of projections has folded the log; moved in the transaction that writes the rows.';
COMMENT ON COLUMN runfold.checkpoints.stopped_error IS 'Why the group waits for an operator; NULL: it does not.';

GRANT SELECT ON runfold.checkpoints TO runfold_engine, runfold_projections, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.checkpoints TO runfold_projector, runfold_operator;
