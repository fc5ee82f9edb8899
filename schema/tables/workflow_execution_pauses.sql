CREATE TABLE public.workflow_execution_pauses (
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    user_id uuid,
    name varchar(255) NOT NULL,
    paused_at timestamptz NOT NULL,
    paused_node_id varchar(255) NOT NULL,
    activation varchar(255),
    pause_reason varchar(100) NOT NULL,
    resume_conditions jsonb NOT NULL,
    resumed_at timestamptz,
    resume_trigger varchar(100),
    interaction_id uuid,
    timeout_at timestamptz,
    status varchar(20) NOT NULL DEFAULT 'active',
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_execution_pauses_pkey PRIMARY KEY (id),
    CONSTRAINT workflow_execution_pauses_execution_id_fkey FOREIGN KEY (execution_id)
        REFERENCES public.workflow_executions (id) ON DELETE CASCADE,
    -- words: PauseReason
    CONSTRAINT valid_pause_reason CHECK (pause_reason IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')),
    -- words: pause
    CONSTRAINT valid_pause_status CHECK (status IN ('active', 'resumed', 'timeout', 'cancelled'))
);
CREATE INDEX idx_workflow_execution_pauses_execution ON public.workflow_execution_pauses (execution_id);
CREATE INDEX idx_workflow_execution_pauses_active ON public.workflow_execution_pauses (status, timeout_at)
    WHERE status = 'active';
CREATE INDEX idx_workflow_execution_pauses_node ON public.workflow_execution_pauses (paused_node_id);
CREATE INDEX idx_workflow_execution_pauses_user_id ON public.workflow_execution_pauses (user_id);

COMMENT ON TABLE public.workflow_execution_pauses IS 'Pauses of executions: a fold of the execution streams.';
COMMENT ON COLUMN public.workflow_execution_pauses.activation IS 'The activation that waits, where the pause is not of the whole node.';

ALTER TABLE public.workflow_execution_pauses ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_execution_pauses FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_execution_pauses FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.workflow_execution_pauses TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_execution_pauses TO runfold_projector;
