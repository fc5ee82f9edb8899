CREATE TABLE public.human_interactions (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    -- The id of the row in workflow_executions; no foreign key, that is another group's table.
    execution_id uuid,
    node_id varchar(255) NOT NULL,
    interaction_type varchar(50) NOT NULL,
    channel_type varchar(50) NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending',
    priority varchar(20) NOT NULL DEFAULT 'normal',
    request_data jsonb NOT NULL,
    response_data jsonb,
    responder text,
    error text,
    responded_at timestamptz,
    timeout_at timestamptz,
    correlation_id varchar(255),
    tags text[],
    user_id uuid,
    first_event_position bigint NOT NULL,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT human_interactions_pkey PRIMARY KEY (id),
    -- words: InteractionType
    CONSTRAINT valid_interaction_type CHECK (interaction_type IN ('approval', 'input', 'selection', 'review')),
    -- words: Channel
    CONSTRAINT valid_channel_type CHECK (channel_type IN ('slack', 'email', 'webhook', 'in_app')),
    -- words: interaction
    CONSTRAINT valid_status CHECK (status IN ('pending', 'error', 'responded', 'timeout', 'cancelled')),
    -- words: InteractionPriority
    CONSTRAINT valid_priority CHECK (priority IN ('low', 'normal', 'high', 'critical'))
);
CREATE INDEX idx_human_interactions_workflow ON public.human_interactions (workflow_id);
CREATE INDEX idx_human_interactions_status ON public.human_interactions (status);
CREATE INDEX idx_human_interactions_pending_timeout ON public.human_interactions (timeout_at) WHERE status = 'pending';
CREATE INDEX idx_human_interactions_correlation ON public.human_interactions (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX idx_human_interactions_execution_id ON public.human_interactions (execution_id);
CREATE INDEX idx_human_interactions_user_id ON public.human_interactions (user_id);
CREATE INDEX idx_human_interactions_open ON public.human_interactions (workflow_id) WHERE status IN ('pending', 'error');
-- Each open one is looked at in turn: its execution may have ended.
CREATE INDEX idx_human_interactions_pending ON public.human_interactions (id) WHERE status = 'pending';
-- For what ended last on a channel: an answer that names nothing may be late for it.
CREATE INDEX idx_human_interactions_ended ON public.human_interactions (workflow_id, channel_type, last_event_position DESC)
    WHERE status IN ('responded', 'timeout', 'cancelled');

COMMENT ON TABLE public.human_interactions IS 'What people are asked, and their answers: a fold of the interaction streams.';
COMMENT ON COLUMN public.human_interactions.error IS 'Why the request could not be made, the last time it failed.';

ALTER TABLE public.human_interactions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.human_interactions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.human_interactions FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.human_interactions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.human_interactions TO runfold_projector;
