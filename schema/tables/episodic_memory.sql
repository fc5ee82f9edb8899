CREATE TABLE public.episodic_memory (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    actor varchar(255) NOT NULL,
    action varchar(255) NOT NULL,
    object text,
    context jsonb NOT NULL DEFAULT '{}',
    outcome jsonb NOT NULL DEFAULT '{}',

    importance numeric(3,2) NOT NULL DEFAULT 0.5,
    timestamp timestamptz NOT NULL,
    session_id varchar(255),
    user_id uuid NOT NULL,
    event_description text,
    language varchar(20) NOT NULL DEFAULT 'english',

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,

    CONSTRAINT episodic_memory_pkey PRIMARY KEY (id),
    CONSTRAINT episode_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT episodic_memory_importance_check CHECK (importance BETWEEN 0.0 AND 1.0),
    CONSTRAINT episode_names_not_empty CHECK (length(actor) > 0 AND length(action) > 0)
);
CREATE INDEX idx_episodic_memory_timestamp ON public.episodic_memory (user_id, timestamp DESC, id);
CREATE INDEX idx_episodic_memory_actor ON public.episodic_memory (user_id, actor, timestamp DESC);
CREATE INDEX idx_episodic_memory_importance ON public.episodic_memory (user_id, importance DESC, timestamp DESC);
CREATE INDEX idx_episodic_memory_session_id
    ON public.episodic_memory (user_id, session_id, timestamp DESC) WHERE session_id IS NOT NULL;
-- Which languages a tenant's episodes have.
CREATE INDEX idx_episodic_memory_language ON public.episodic_memory (user_id, language);
CREATE INDEX idx_episodic_memory_expires_at ON public.episodic_memory (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.episodic_memory IS 'What happened: who did what to what, in which context, with which outcome.';
COMMENT ON COLUMN public.episodic_memory.language IS 'The language of its text, one of runfold.text_configuration.';
COMMENT ON COLUMN public.episodic_memory.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.episodic_memory ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.episodic_memory FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.episodic_memory FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.episodic_memory TO runfold_engine;
GRANT ALL ON public.episodic_memory TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.episodic_memory TO authenticated;
GRANT INSERT (actor, action, object, context, outcome, importance, timestamp, session_id, user_id,
                event_description, language, created_at, expires_at)
    ON public.episodic_memory TO authenticated;
GRANT UPDATE (actor, action, object, context, outcome, importance, timestamp, session_id, user_id,
                event_description, language, expires_at)
    ON public.episodic_memory TO authenticated;

-- after the functions

ALTER TABLE public.episodic_memory
    ADD CONSTRAINT episode_language_is_known CHECK (runfold.text_configuration(language) IS NOT NULL),
    ADD COLUMN search_vector tsvector NOT NULL GENERATED ALWAYS AS (
        runfold.text_vector(language, event_description, actor || ' ' || action, object)) STORED;
COMMENT ON COLUMN public.episodic_memory.search_vector IS 'Its description, actor, action and object as words, for runfold.search_episodes.';
CREATE INDEX idx_episodic_memory_search ON public.episodic_memory USING gin (search_vector);
