CREATE TABLE public.hil_responses (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    source_channel varchar(50) NOT NULL,
    raw_payload jsonb NOT NULL,
    headers jsonb,
    status varchar(20) NOT NULL DEFAULT 'unprocessed',
    processed_at timestamptz,
    matched_interaction_id uuid,
    ai_relevance_score numeric(3, 2),
    ai_reasoning text,
    error text,
    received_at timestamptz NOT NULL,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT hil_responses_pkey PRIMARY KEY (id),
    -- A match is within one workflow, whose interactions and responses are deleted together: what this sets null is about to
    -- go itself, so the rows are the same without the key.
    CONSTRAINT hil_responses_matched_interaction_id_fkey FOREIGN KEY (matched_interaction_id)
        REFERENCES public.human_interactions (id) ON DELETE SET NULL,
    -- words: Channel
    CONSTRAINT valid_source_channel CHECK (source_channel IN ('slack', 'email', 'webhook', 'in_app')),
    -- words: response
    CONSTRAINT valid_processing_status CHECK (status IN ('unprocessed', 'error', 'filtered_out', 'matched')),
    CONSTRAINT relevance_is_zero_to_one CHECK (ai_relevance_score BETWEEN 0 AND 1)
);
CREATE INDEX idx_hil_responses_workflow ON public.hil_responses (workflow_id);
CREATE INDEX idx_hil_responses_status ON public.hil_responses (status);
CREATE INDEX idx_hil_responses_unprocessed ON public.hil_responses (received_at) WHERE status = 'unprocessed';
CREATE INDEX idx_hil_responses_matched ON public.hil_responses (matched_interaction_id) WHERE matched_interaction_id IS NOT NULL;
CREATE INDEX idx_hil_responses_user_id ON public.hil_responses (user_id);

COMMENT ON TABLE public.hil_responses IS 'What came in, and what it was found to answer: a fold of the response streams.';

ALTER TABLE public.hil_responses ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.hil_responses FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.hil_responses FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.hil_responses TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.hil_responses TO runfold_projector;
