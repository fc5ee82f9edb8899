CREATE TABLE public.vector_collections (
    user_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    -- Names the collection's index, see runfold.vector_indexes.
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    model varchar(255),
    dimensions integer NOT NULL DEFAULT 1536,
    language varchar(20) NOT NULL DEFAULT 'english',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT vector_collections_pkey PRIMARY KEY (user_id, name),
    CONSTRAINT vector_collections_number_key UNIQUE (number),
    -- What the rows of a collection refer to: all of them have its size.
    CONSTRAINT vector_collections_size_key UNIQUE (user_id, name, dimensions),
    CONSTRAINT vector_collection_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT vector_collection_has_a_name CHECK (length(trim(name)) > 0),
    CONSTRAINT valid_vector_dimensions CHECK (dimensions BETWEEN 1 AND 16000),
    CONSTRAINT valid_vector_language CHECK (
        language IN (
            'simple', 'arabic', 'armenian', 'basque', 'catalan', 'danish', 'dutch', 'english', 'finnish',
            'french', 'german', 'greek', 'hindi', 'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian',
            'nepali', 'norwegian', 'portuguese', 'romanian', 'russian', 'serbian', 'spanish', 'swedish',
            'tamil', 'turkish', 'yiddish'
        ))
);

COMMENT ON TABLE public.vector_collections IS 'Collections of vectors: all vectors of one have the same size, and should come from the same model.';
COMMENT ON COLUMN public.vector_collections.number IS 'Is in the name of the collection''s index.';
COMMENT ON COLUMN public.vector_collections.model IS 'The model that made the vectors.';
COMMENT ON COLUMN public.vector_collections.language IS 'The language of the texts: it decides which forms of a word are found.';

ALTER TABLE public.vector_collections ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.vector_collections FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.vector_collections FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_agent, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON public.vector_collections TO authenticated;
GRANT INSERT (user_id, name, model, dimensions, language) ON public.vector_collections TO authenticated;
GRANT UPDATE (model, updated_at) ON public.vector_collections TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.vector_collections TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON public.vector_collections TO runfold_projector, runfold_reader, runfold_agent;
