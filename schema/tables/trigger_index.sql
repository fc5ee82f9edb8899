CREATE TABLE public.trigger_index (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    node_id varchar(255),
    trigger_type varchar(50) NOT NULL DEFAULT 'TRIGGER',
    trigger_subtype varchar(100) NOT NULL,
    trigger_config jsonb NOT NULL DEFAULT '{}',
    index_key varchar(255) NOT NULL,
    deployment_status varchar(50) NOT NULL DEFAULT 'pending',
    is_active boolean NOT NULL DEFAULT false,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT trigger_index_pkey PRIMARY KEY (id),
    CONSTRAINT valid_trigger_type CHECK (trigger_type IN ('TRIGGER')),
    -- words: TriggerSubtype
    CONSTRAINT valid_trigger_subtype CHECK (
        trigger_subtype IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')),
    -- words: trigger
    CONSTRAINT valid_deployment_status CHECK (deployment_status IN ('pending', 'active', 'inactive', 'failed')),
    CONSTRAINT active_is_a_status CHECK (is_active = (deployment_status = 'active'))
);
CREATE INDEX idx_trigger_index_type ON public.trigger_index (trigger_subtype);
CREATE INDEX idx_trigger_index_key ON public.trigger_index (trigger_subtype, index_key);
CREATE INDEX idx_trigger_index_lookup ON public.trigger_index (trigger_subtype, index_key, deployment_status);
CREATE INDEX idx_trigger_index_workflow_id ON public.trigger_index (workflow_id);
CREATE INDEX idx_trigger_index_user_id ON public.trigger_index (user_id);

COMMENT ON TABLE public.trigger_index IS 'The triggers of workflows, for matching what comes in: a fold of the deployment streams.';
COMMENT ON COLUMN public.trigger_index.name IS 'The producer''s name of the trigger, unique in its workflow.';
COMMENT ON COLUMN public.trigger_index.index_key IS
    'What is matched: a cron expression, webhook path, workspace, address or repository.';

ALTER TABLE public.trigger_index ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.trigger_index FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.trigger_index FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_scheduler, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.trigger_index TO authenticated, runfold_engine, runfold_operator, runfold_reader, runfold_scheduler, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.trigger_index TO runfold_projector;
