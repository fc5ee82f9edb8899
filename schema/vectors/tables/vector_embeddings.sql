CREATE TABLE public.vector_embeddings (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    collection_name varchar(255) NOT NULL,
    key varchar(255) NOT NULL DEFAULT gen_random_uuid()::text,
    text_content text NOT NULL,
    embedding vector NOT NULL,
    dimensions integer NOT NULL GENERATED ALWAYS AS (vector_dims(embedding)) STORED,
    model varchar(255),
    language varchar(20) NOT NULL DEFAULT 'english',
    metadata jsonb NOT NULL DEFAULT '{}',
    -- Constants, not a column of type regconfig, which would stop pg_upgrade. A tsvector takes 1 MB of words.
    search_vector tsvector NOT NULL GENERATED ALWAYS AS (
        CASE language
        WHEN 'simple' THEN to_tsvector('pg_catalog.simple', left(text_content, 200000))
        WHEN 'arabic' THEN to_tsvector('pg_catalog.arabic', left(text_content, 200000))
        WHEN 'armenian' THEN to_tsvector('pg_catalog.armenian', left(text_content, 200000))
        WHEN 'basque' THEN to_tsvector('pg_catalog.basque', left(text_content, 200000))
        WHEN 'catalan' THEN to_tsvector('pg_catalog.catalan', left(text_content, 200000))
        WHEN 'danish' THEN to_tsvector('pg_catalog.danish', left(text_content, 200000))
        WHEN 'dutch' THEN to_tsvector('pg_catalog.dutch', left(text_content, 200000))
        WHEN 'english' THEN to_tsvector('pg_catalog.english', left(text_content, 200000))
        WHEN 'finnish' THEN to_tsvector('pg_catalog.finnish', left(text_content, 200000))
        WHEN 'french' THEN to_tsvector('pg_catalog.french', left(text_content, 200000))
        WHEN 'german' THEN to_tsvector('pg_catalog.german', left(text_content, 200000))
        WHEN 'greek' THEN to_tsvector('pg_catalog.greek', left(text_content, 200000))
        WHEN 'hindi' THEN to_tsvector('pg_catalog.hindi', left(text_content, 200000))
        WHEN 'hungarian' THEN to_tsvector('pg_catalog.hungarian', left(text_content, 200000))
        WHEN 'indonesian' THEN to_tsvector('pg_catalog.indonesian', left(text_content, 200000))
        WHEN 'irish' THEN to_tsvector('pg_catalog.irish', left(text_content, 200000))
        WHEN 'italian' THEN to_tsvector('pg_catalog.italian', left(text_content, 200000))
        WHEN 'lithuanian' THEN to_tsvector('pg_catalog.lithuanian', left(text_content, 200000))
        WHEN 'nepali' THEN to_tsvector('pg_catalog.nepali', left(text_content, 200000))
        WHEN 'norwegian' THEN to_tsvector('pg_catalog.norwegian', left(text_content, 200000))
        WHEN 'portuguese' THEN to_tsvector('pg_catalog.portuguese', left(text_content, 200000))
        WHEN 'romanian' THEN to_tsvector('pg_catalog.romanian', left(text_content, 200000))
        WHEN 'russian' THEN to_tsvector('pg_catalog.russian', left(text_content, 200000))
        WHEN 'serbian' THEN to_tsvector('pg_catalog.serbian', left(text_content, 200000))
        WHEN 'spanish' THEN to_tsvector('pg_catalog.spanish', left(text_content, 200000))
        WHEN 'swedish' THEN to_tsvector('pg_catalog.swedish', left(text_content, 200000))
        WHEN 'tamil' THEN to_tsvector('pg_catalog.tamil', left(text_content, 200000))
        WHEN 'turkish' THEN to_tsvector('pg_catalog.turkish', left(text_content, 200000))
        WHEN 'yiddish' THEN to_tsvector('pg_catalog.yiddish', left(text_content, 200000))
        END) STORED,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT vector_embeddings_pkey PRIMARY KEY (id),
    CONSTRAINT vector_embeddings_key UNIQUE (user_id, collection_name, key),
    CONSTRAINT vector_embedding_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT vector_embedding_is_in_a_collection_of_its_size FOREIGN KEY (user_id, collection_name, dimensions)
        REFERENCES public.vector_collections (user_id, name, dimensions) ON DELETE CASCADE,
    CONSTRAINT vector_embedding_has_a_key CHECK (length(trim(key)) > 0),
    CONSTRAINT vector_embedding_metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object'),
    -- Cosine similarity has no answer for a vector of length 0, and the half precision of the index none for a huge one.
    CONSTRAINT vector_embedding_has_a_length CHECK (vector_norm(embedding) BETWEEN 0.001 AND 60000)
);
-- In the row, not aside, where each comparison would fetch it.
ALTER TABLE public.vector_embeddings ALTER COLUMN embedding SET STORAGE MAIN;
CREATE INDEX idx_vector_embeddings_collection ON public.vector_embeddings (user_id, collection_name, dimensions);
CREATE INDEX idx_vector_embeddings_search ON public.vector_embeddings USING gin (search_vector);
CREATE INDEX idx_vector_embeddings_metadata ON public.vector_embeddings USING gin (metadata jsonb_path_ops);

COMMENT ON TABLE public.vector_embeddings IS 'Texts with their vectors. A large collection gets an index idx_vector_embeddings_cosine_<number> of its own.';
COMMENT ON COLUMN public.vector_embeddings.key IS 'The user''s own key of the row in its collection; a random one without it.';
COMMENT ON COLUMN public.vector_embeddings.model IS 'The model that made the vector.';
COMMENT ON COLUMN public.vector_embeddings.language IS 'The collection''s, copied when the row is written.';

ALTER TABLE public.vector_embeddings ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.vector_embeddings FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.vector_embeddings FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_agent, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON public.vector_embeddings TO authenticated;
GRANT INSERT (user_id, collection_name, key, text_content, embedding, model, metadata, created_at, updated_at)
    ON public.vector_embeddings TO authenticated;
GRANT UPDATE (text_content, embedding, model, metadata, updated_at) ON public.vector_embeddings TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.vector_embeddings TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON public.vector_embeddings TO runfold_projector, runfold_reader, runfold_agent;

-- after the functions

CREATE TRIGGER embeddings_take_their_collections_language BEFORE INSERT ON public.vector_embeddings
    FOR EACH ROW EXECUTE FUNCTION runfold.place_embedding();
