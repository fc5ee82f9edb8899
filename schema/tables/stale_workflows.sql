-- workflows is edited by users and keeps a copy of workflow_status. No edit may stop the projection, so the copy never waits
-- for a lock: what is locked, or not yet committed, is remembered here and copied later.
CREATE TABLE runfold.stale_workflows (
    workflow_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.stale_workflows IS 'Workflows whose copy of workflow_status is to be made again.';

GRANT SELECT, INSERT ON runfold.stale_workflows TO runfold_projector, runfold_operator;
-- Verify leaves out the copies that are noted here.
GRANT SELECT ON runfold.stale_workflows TO runfold_engine;
