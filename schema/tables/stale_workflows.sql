-- workflows is edited by users and keeps a copy of workflow_status. No edit may stop the projection, so no fold writes the copy:
-- what changed, or is not yet committed, is noted here, and copied after the fold. A note waits for nobody: it has a key of its own.
CREATE TABLE runfold.stale_workflows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    try_at timestamptz NOT NULL DEFAULT '-infinity',
    tries integer NOT NULL DEFAULT 0,
    sqlstate text,
    error text
);

COMMENT ON TABLE runfold.stale_workflows IS 'Workflows whose copy of workflow_status is to be made again.';
COMMENT ON COLUMN runfold.stale_workflows.try_at IS 'Before this time the copy is not tried again.';
COMMENT ON COLUMN runfold.stale_workflows.error IS 'Why the copy could not be made: a constraint or trigger of workflows; NULL: nothing failed.';

-- Verify leaves out the copies that are noted here.
GRANT SELECT ON runfold.stale_workflows TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.stale_workflows TO runfold_projector, runfold_operator;
