CREATE TABLE public.workflow_deployment_history (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    deployment_action varchar(50) NOT NULL,
    from_status varchar(50) NOT NULL,
    to_status varchar(50) NOT NULL,
    deployment_version integer NOT NULL,
    deployment_config jsonb NOT NULL DEFAULT '{}',
    triggered_by uuid,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    error_message text,
    deployment_logs jsonb NOT NULL DEFAULT '[]',
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_deployment_history_pkey PRIMARY KEY (id),
    CONSTRAINT valid_deployment_action CHECK (
        deployment_action IN ('DEPLOY', 'UNDEPLOY', 'UPDATE', 'ROLLBACK', 'DEPLOY_STARTED', 'DEPLOY_COMPLETED', 'DEPLOY_FAILED',
                              'UNDEPLOY_STARTED', 'UNDEPLOY_COMPLETED', 'UNDEPLOY_FAILED')),
    -- words: deployment
    CONSTRAINT valid_from_status CHECK (
        from_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING')),
    -- words: deployment
    CONSTRAINT valid_to_status CHECK (
        to_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING'))
);
CREATE INDEX idx_deployment_history_workflow_id ON public.workflow_deployment_history (workflow_id, started_at DESC);
CREATE INDEX idx_deployment_history_action ON public.workflow_deployment_history (deployment_action);
CREATE INDEX idx_deployment_history_started_at ON public.workflow_deployment_history (started_at DESC);
CREATE INDEX idx_deployment_history_user_id ON public.workflow_deployment_history (user_id);
-- For who looks for deployments that never end.
CREATE INDEX idx_deployment_history_under_way ON public.workflow_deployment_history (started_at) WHERE completed_at IS NULL;

COMMENT ON TABLE public.workflow_deployment_history IS
    'Deployments of workflows, a row each: a fold of the deployment streams. Outlives its workflow: it is an audit trail.';
COMMENT ON COLUMN public.workflow_deployment_history.deployment_logs IS 'An array of {level, message, at}.';

ALTER TABLE public.workflow_deployment_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_deployment_history FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_deployment_history FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_scheduler, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.workflow_deployment_history TO authenticated, runfold_engine, runfold_operator, runfold_reader, runfold_scheduler, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_deployment_history TO runfold_projector;
