CREATE TABLE public.conversation_summaries (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    session_id varchar(255) NOT NULL,
    user_id uuid NOT NULL,
    sequence integer NOT NULL,

    summary text NOT NULL,
    key_points jsonb NOT NULL DEFAULT '[]',
    entities jsonb NOT NULL DEFAULT '[]',
    topics jsonb NOT NULL DEFAULT '[]',

    summary_type varchar(50) NOT NULL DEFAULT 'progressive',
    message_count integer NOT NULL DEFAULT 0,
    upto_index integer NOT NULL DEFAULT 0,
    token_count integer NOT NULL DEFAULT 0,
    model_used varchar(100),
    confidence_score double precision NOT NULL DEFAULT 0.0,

    previous_summary_id uuid,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT conversation_summaries_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_summaries_user_id_id_key UNIQUE (user_id, id),
    -- The specification has created_at in place of sequence, which refuses two summaries of one transaction.
    CONSTRAINT conversation_summaries_session_id_created_at_key UNIQUE (user_id, session_id, sequence),
    CONSTRAINT summary_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT conversation_summaries_previous_summary_id_fkey FOREIGN KEY (user_id, previous_summary_id)
        REFERENCES public.conversation_summaries (user_id, id) ON DELETE SET NULL (previous_summary_id),
    CONSTRAINT valid_summary_type CHECK (summary_type IN ('progressive', 'hierarchical', 'key_points')),
    CONSTRAINT summary_sequence_counts_from_one CHECK (sequence > 0),
    CONSTRAINT summary_counts_not_negative CHECK (message_count >= 0 AND upto_index >= 0 AND token_count >= 0),
    CONSTRAINT summary_confidence_between_0_and_1 CHECK (confidence_score BETWEEN 0.0 AND 1.0),
    CONSTRAINT summary_session_not_empty CHECK (length(session_id) > 0),
    CONSTRAINT summary_lists_are_arrays CHECK (
        jsonb_typeof(key_points) = 'array' AND jsonb_typeof(entities) = 'array' AND jsonb_typeof(topics) = 'array'
    )
);
-- The unique key serves "the newest of a session" as well: it is read from its end.
CREATE INDEX idx_conversation_summaries_previous
    ON public.conversation_summaries (user_id, previous_summary_id) WHERE previous_summary_id IS NOT NULL;

COMMENT ON TABLE public.conversation_summaries IS 'Summaries of conversations; each is linked to the one before it.';
COMMENT ON COLUMN public.conversation_summaries.sequence IS 'The number of the summary in its session, from 1 on.';
COMMENT ON COLUMN public.conversation_summaries.upto_index IS 'The message_index of the last message that the summary covers.';
COMMENT ON COLUMN public.conversation_summaries.message_count IS 'How many messages it covers that the one before it does not.';

ALTER TABLE public.conversation_summaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.conversation_summaries FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.conversation_summaries FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.conversation_summaries TO runfold_engine;
GRANT ALL ON public.conversation_summaries TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.conversation_summaries TO authenticated;
GRANT INSERT (session_id, user_id, sequence, summary, key_points, entities, topics, summary_type,
                message_count, upto_index, token_count, model_used, confidence_score, previous_summary_id,
                created_at, updated_at)
    ON public.conversation_summaries TO authenticated;
GRANT UPDATE (session_id, user_id, sequence, summary, key_points, entities, topics, summary_type,
                message_count, upto_index, token_count, model_used, confidence_score, previous_summary_id,
                updated_at)
    ON public.conversation_summaries TO authenticated;
