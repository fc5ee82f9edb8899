CREATE TABLE public.conversation_buffers (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    session_id varchar(255) NOT NULL,
    user_id uuid NOT NULL,

    message_index integer NOT NULL,
    role varchar(50) NOT NULL,
    content text NOT NULL,

    metadata jsonb NOT NULL DEFAULT '{}',
    tokens_count integer,

    timestamp timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,

    CONSTRAINT conversation_buffers_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_buffers_session_id_message_index_key UNIQUE (user_id, session_id, message_index),
    CONSTRAINT message_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT conversation_buffers_role_check CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    CONSTRAINT message_index_counts_from_one CHECK (message_index > 0),
    CONSTRAINT message_tokens_not_negative CHECK (tokens_count >= 0),
    CONSTRAINT message_session_not_empty CHECK (length(session_id) > 0),
    CONSTRAINT message_metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object')
);
-- The unique key serves idx_conversation_buffers_session_id and _user_id of the specification: it begins with both.
CREATE INDEX idx_conversation_buffers_timestamp ON public.conversation_buffers (user_id, timestamp DESC);
CREATE INDEX idx_conversation_buffers_expires_at ON public.conversation_buffers (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.conversation_buffers IS 'The messages of conversations with agents, in order.';
COMMENT ON COLUMN public.conversation_buffers.message_index IS 'The place in the session, from 1 on; runfold.add_messages gives it.';
COMMENT ON COLUMN public.conversation_buffers.tokens_count IS 'As the model counts them; null: a quarter of the characters is taken.';
COMMENT ON COLUMN public.conversation_buffers.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.conversation_buffers ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.conversation_buffers FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.conversation_buffers FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.conversation_buffers TO runfold_engine;
GRANT ALL ON public.conversation_buffers TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.conversation_buffers TO authenticated;
GRANT INSERT (session_id, user_id, message_index, role, content, metadata, tokens_count, timestamp,
                created_at, expires_at)
    ON public.conversation_buffers TO authenticated;
GRANT UPDATE (session_id, user_id, message_index, role, content, metadata, tokens_count, timestamp,
                expires_at)
    ON public.conversation_buffers TO authenticated;

-- after the functions

CREATE FUNCTION public.cleanup_old_conversation_buffers(retention_days integer, force boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF retention_days IS NULL OR retention_days < 0 THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object(
            'table', 'public.conversation_buffers', 'keep', coalesce(retention_days || ' days', 'no number of days')));
    END IF;
    RETURN runfold.expire_messages(clock_timestamp() - make_interval(days => retention_days), force);
END
$$;
COMMENT ON FUNCTION public.cleanup_old_conversation_buffers IS
    'Deletes the messages older than so many days that a summary covers, with force all of them, and those past their end.';
REVOKE ALL ON FUNCTION public.cleanup_old_conversation_buffers FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.cleanup_old_conversation_buffers TO runfold_operator, service_role;
