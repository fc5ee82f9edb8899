CREATE TABLE public.knowledge_facts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    subject varchar(500) NOT NULL,
    predicate varchar(255) NOT NULL,
    object jsonb NOT NULL,
    -- Its hash, because an index entry ends at 2,700 bytes.
    object_hash text NOT NULL GENERATED ALWAYS AS (md5(object::text)) STORED,
    confidence double precision NOT NULL DEFAULT 1.0,
    source varchar(255),
    domain varchar(100),
    fact_type varchar(100),
    metadata jsonb NOT NULL DEFAULT '{}',
    user_id uuid NOT NULL,

    valid_from timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    valid_to timestamptz,
    -- No foreign key: the fact that took its place may expire or be deleted, and this one stays superseded.
    superseded_by uuid,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    validated_at timestamptz,
    expires_at timestamptz,

    CONSTRAINT knowledge_facts_pkey PRIMARY KEY (id),
    CONSTRAINT fact_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT knowledge_facts_confidence_check CHECK (confidence BETWEEN 0.0 AND 1.0),
    CONSTRAINT fact_names_not_empty CHECK (length(subject) > 0 AND length(predicate) > 0),
    CONSTRAINT fact_ends_after_it_begins CHECK (valid_to >= valid_from),
    CONSTRAINT fact_metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object')
);
-- What was superseded is history, and may say the same more than once.
CREATE UNIQUE INDEX knowledge_facts_subject_predicate_object_user_id_key
    ON public.knowledge_facts (user_id, subject, predicate, object_hash) WHERE superseded_by IS NULL;
CREATE INDEX idx_knowledge_facts_history ON public.knowledge_facts (user_id, subject, predicate, valid_from DESC);
CREATE INDEX idx_knowledge_facts_domain ON public.knowledge_facts (user_id, domain) WHERE domain IS NOT NULL;
-- Row security keeps PostgreSQL from these, so runfold.search_facts reads them for a tenant.
CREATE INDEX idx_knowledge_facts_object ON public.knowledge_facts USING gin (object jsonb_path_ops);
CREATE INDEX idx_knowledge_facts_metadata ON public.knowledge_facts USING gin (metadata jsonb_path_ops);
CREATE INDEX idx_knowledge_facts_expires_at ON public.knowledge_facts (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.knowledge_facts IS 'What agents know: subject, predicate, object, and from when to when it holds.';
COMMENT ON COLUMN public.knowledge_facts.valid_from IS 'From when the fact holds in the world; created_at is when it was learnt.';
COMMENT ON COLUMN public.knowledge_facts.valid_to IS 'Until when it holds, exclusive; null: it holds still.';
COMMENT ON COLUMN public.knowledge_facts.superseded_by IS 'The fact that took its place; null: nothing did.';
COMMENT ON COLUMN public.knowledge_facts.validated_at IS 'When it was learnt again without a change.';
COMMENT ON COLUMN public.knowledge_facts.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.knowledge_facts ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.knowledge_facts FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.knowledge_facts FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.knowledge_facts TO runfold_engine;
GRANT ALL ON public.knowledge_facts TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.knowledge_facts TO authenticated;
GRANT INSERT (subject, predicate, object, confidence, source, domain, fact_type, metadata, user_id,
                created_at, updated_at, validated_at, valid_from, valid_to, superseded_by, expires_at)
    ON public.knowledge_facts TO authenticated;
GRANT UPDATE (subject, predicate, object, confidence, source, domain, fact_type, metadata, user_id,
                updated_at, validated_at, valid_from, valid_to, superseded_by, expires_at)
    ON public.knowledge_facts TO authenticated;

-- after the functions

ALTER TABLE public.knowledge_facts ADD COLUMN search_vector tsvector NOT NULL GENERATED ALWAYS AS (
    runfold.text_vector('simple', subject, predicate, object #>> '{}')) STORED;
COMMENT ON COLUMN public.knowledge_facts.search_vector IS 'Subject, predicate and object as words, for runfold.search_facts.';
CREATE INDEX idx_knowledge_facts_search ON public.knowledge_facts USING gin (search_vector);
