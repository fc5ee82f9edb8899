-- What a model generated for a user: a workflow from a prompt. Written by the agent, kept as long as its user.
CREATE TABLE public.ai_generation_history (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    -- No foreign keys: the record outlives the session and the workflow.
    session_id uuid,
    workflow_id uuid,
    prompt text NOT NULL,
    model varchar(100) NOT NULL,
    definition jsonb,
    accepted boolean,
    tokens integer,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT ai_generation_history_pkey PRIMARY KEY (id),
    CONSTRAINT generation_is_a_user_s FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT generation_tokens_are_not_negative CHECK (tokens >= 0)
);
CREATE INDEX idx_ai_generation_history_user ON public.ai_generation_history (user_id, created_at DESC);
CREATE INDEX idx_ai_generation_history_workflow ON public.ai_generation_history (user_id, workflow_id);

COMMENT ON TABLE public.ai_generation_history IS 'What a model generated for a user, by prompt.';
COMMENT ON COLUMN public.ai_generation_history.accepted IS 'Whether the user took it; NULL before the user has said so.';

ALTER TABLE public.ai_generation_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.ai_generation_history FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.ai_generation_history FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
-- A tenant says whether it took what was generated, and may forget it. It writes no key, nor what the agent recorded.
GRANT SELECT, UPDATE (accepted), DELETE ON public.ai_generation_history TO authenticated;
GRANT SELECT, INSERT ON public.ai_generation_history TO runfold_agent;
GRANT SELECT ON public.ai_generation_history TO runfold_engine, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ai_generation_history TO runfold_operator, service_role;
