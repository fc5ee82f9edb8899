CREATE TABLE public.workflow_status (
    workflow_id uuid NOT NULL,
    user_id uuid,
    latest_execution_id varchar(255) COLLATE "C",
    latest_execution_status varchar(50) NOT NULL DEFAULT 'IDLE',
    latest_execution_time timestamptz,
    deployment_status varchar(50) NOT NULL DEFAULT 'IDLE',
    deployed_at timestamptz,
    deployed_by uuid,
    undeployed_at timestamptz,
    deployment_version integer NOT NULL DEFAULT 1,
    deployment_config jsonb NOT NULL DEFAULT '{}',
    deployment_position bigint,
    last_event_position bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_id)
);
CREATE INDEX idx_workflow_status_user_id ON public.workflow_status (user_id);

COMMENT ON TABLE public.workflow_status IS
    'What the log says about each workflow: its latest execution and deployment. The same columns of workflows are copies, made after each fold.';
COMMENT ON COLUMN public.workflow_status.deployment_position IS 'Position of the last event of a deployment.';

ALTER TABLE public.workflow_status ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_status FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_status FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.workflow_status TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_status TO runfold_projector;

-- after the functions

CREATE TRIGGER inserted_status_is_copied AFTER INSERT ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
CREATE TRIGGER updated_status_is_copied AFTER UPDATE ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
-- A workflow whose status row is gone has the columns' defaults again.
CREATE TRIGGER deleted_status_is_copied AFTER DELETE ON public.workflow_status
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
