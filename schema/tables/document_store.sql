-- One configuration a language, so that an operator may alter its dictionaries: ALTER TEXT SEARCH CONFIGURATION needs its owner.
DO $configurations$
DECLARE
    language text;
BEGIN
    FOR language IN SELECT c.cfgname FROM pg_ts_config c WHERE c.cfgnamespace = 'pg_catalog'::regnamespace LOOP
        IF NOT EXISTS (SELECT FROM pg_ts_config c WHERE c.cfgnamespace = 'runfold'::regnamespace AND c.cfgname = 'runfold_' || language) THEN
            EXECUTE format('CREATE TEXT SEARCH CONFIGURATION runfold.%I (COPY = pg_catalog.%I)', 'runfold_' || language, language);
        END IF;
    END LOOP;
END
$configurations$;

CREATE TABLE public.document_store (
    id varchar(255) NOT NULL,
    -- By bytes, so that the collections below another one, a.b below a, are a range of the key.
    collection_name varchar(255) COLLATE "C" NOT NULL,
    title varchar(500),
    description text,
    content text NOT NULL,
    search_content text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    category varchar(100) NOT NULL DEFAULT 'general',
    tags text[] NOT NULL DEFAULT '{}',
    language varchar(20) NOT NULL DEFAULT 'english',
    user_id uuid NOT NULL,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,
    ttl interval,

    CONSTRAINT document_store_pkey PRIMARY KEY (user_id, collection_name, id),
    CONSTRAINT document_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT document_names_not_empty CHECK (length(id) > 0 AND length(collection_name) > 0),
    CONSTRAINT document_ttl_is_positive CHECK (ttl > interval '0')
);
CREATE INDEX idx_document_store_collection ON public.document_store (user_id, collection_name, updated_at DESC);
CREATE INDEX idx_document_store_updated_at ON public.document_store (user_id, updated_at DESC);
-- Which languages a tenant's documents have.
CREATE INDEX idx_document_store_language ON public.document_store (user_id, language);
-- Row security keeps PostgreSQL from these, so runfold.search_documents reads them for a tenant.
CREATE INDEX idx_document_store_tags ON public.document_store USING gin (tags);
CREATE INDEX idx_document_store_metadata ON public.document_store USING gin (metadata jsonb_path_ops);
CREATE INDEX idx_document_store_expires_at ON public.document_store (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.document_store IS 'Documents of a tenant in collections, found by their words.';
COMMENT ON COLUMN public.document_store.search_content IS 'What is searched; the content, where none is given.';
COMMENT ON COLUMN public.document_store.language IS 'The language of its text, one of runfold.text_configuration.';
COMMENT ON COLUMN public.document_store.ttl IS 'By how much a read that asks for it moves expires_at.';
COMMENT ON COLUMN public.document_store.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.document_store ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.document_store FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.document_store FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON public.document_store TO runfold_engine;
GRANT ALL ON public.document_store TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.document_store TO authenticated;

-- after the functions

ALTER TABLE public.document_store
    ADD CONSTRAINT document_language_is_known CHECK (runfold.text_configuration(language) IS NOT NULL),
    ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        runfold.text_vector(language, title, description, search_content)) STORED;
COMMENT ON COLUMN public.document_store.search_vector IS 'Title, description and content as words, for runfold.search_documents.';
CREATE INDEX idx_document_store_search ON public.document_store USING gin (search_vector);

CREATE TRIGGER search_content_is_filled BEFORE INSERT OR UPDATE OF content, search_content ON public.document_store
    FOR EACH ROW EXECUTE FUNCTION runfold.fill_search_content();
