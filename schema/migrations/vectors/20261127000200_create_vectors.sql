-- migrate:up

SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10min';

-- pgvector's extension, in the schema `extensions` where there is one, as on Supabase, else in public. One that is installed
-- stays where it is. The rest of this file finds its types by the search path of this transaction; functions find its
-- operators in the schema that they look up when they run, since an extension can be moved.

DO $extension$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        IF to_regnamespace('extensions') IS NULL THEN
            CREATE EXTENSION vector SCHEMA public;
        ELSE
            CREATE EXTENSION vector SCHEMA extensions;
        END IF;
    END IF;
END
$extension$;

SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', n.nspname), true)
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'vector';

-- The settings of pgvector are known to a session that has loaded it; only a superuser may name unknown ones in a function.
SELECT '[1]'::vector;

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
REVOKE ALL ON public.vector_collections FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON SEQUENCE public.vector_collections_number_seq FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, DELETE ON public.vector_collections TO authenticated;
GRANT INSERT (user_id, name, model, dimensions, language) ON public.vector_collections TO authenticated;
GRANT UPDATE (model, updated_at) ON public.vector_collections TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.vector_collections TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON public.vector_collections TO runfold_projector, runfold_reader, runfold_agent;

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
REVOKE ALL ON public.vector_embeddings FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, DELETE ON public.vector_embeddings TO authenticated;
GRANT INSERT (user_id, collection_name, key, text_content, embedding, model, metadata, created_at, updated_at)
    ON public.vector_embeddings TO authenticated;
GRANT UPDATE (text_content, embedding, model, metadata, updated_at) ON public.vector_embeddings TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.vector_embeddings TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON public.vector_embeddings TO runfold_projector, runfold_reader, runfold_agent;

CREATE VIEW runfold.vector_indexes WITH (security_invoker = true) AS
SELECT c.user_id, c.name AS collection_name, c.number, c.dimensions, n.index_name,
       i.indisvalid AS is_valid,
       CASE WHEN i.indexrelid IS NOT NULL THEN pg_relation_size(i.indexrelid) END AS bytes
  FROM public.vector_collections c
 CROSS JOIN LATERAL (SELECT 'idx_vector_embeddings_cosine_' || c.number AS index_name) AS n
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = to_regclass('public.' || n.index_name);

COMMENT ON VIEW runfold.vector_indexes IS 'Each collection of vectors with its index, if it has one: is_valid is null without it, and false after a build that failed.';

GRANT SELECT ON runfold.vector_indexes TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.refuse_search(refusal text, facts jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF refusal NOT IN ('no_user', 'invalid_search', 'other_dimensions') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'not a refusal of a search: ' || refusal;
    END IF;
    PERFORM runfold.refuse(refusal, facts);
END
$$;
COMMENT ON FUNCTION runfold.refuse_search IS
    'Raises a refusal of a search, for roles that may not read the catalogue of refusals. It never returns.';
REVOKE ALL ON FUNCTION runfold.refuse_search FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.refuse_search TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.check_vector_search(who uuid, collection text, size integer, max_results integer,
                                            similarity_threshold double precision) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_collection public.vector_collections;
BEGIN
    IF max_results IS NULL OR max_results NOT BETWEEN 1 AND 1000 THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'max_results', 'found', max_results, 'limit', '1 to 1000'));
    ELSIF similarity_threshold IS NULL OR NOT similarity_threshold BETWEEN -1 AND 1 THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'similarity_threshold', 'found', similarity_threshold::text, 'limit', '-1 to 1'));
    ELSIF size IS NULL THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'query_embedding', 'found', NULL, 'limit', 'a vector'));
    END IF;
    SELECT * INTO found_collection FROM public.vector_collections c WHERE c.user_id = who AND c.name = collection;
    IF found_collection.dimensions <> size THEN
        PERFORM runfold.refuse_search('other_dimensions', jsonb_build_object(
            'pointer', 'query_embedding', 'collection', collection, 'limit', found_collection.dimensions, 'found', size));
    END IF;
    RETURN found_collection.number;
END
$$;
COMMENT ON FUNCTION runfold.check_vector_search IS
    'Refuses a search with a limit, a threshold or a vector that cannot be, and returns the number of the collection.';
REVOKE ALL ON FUNCTION runfold.check_vector_search FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.check_vector_search TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.cosine_similarity(one vector, other vector) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 - (one <=> other);
COMMENT ON FUNCTION runfold.cosine_similarity IS
    'How similar two vectors are by cosine, from -1 to 1, wherever pgvector''s operators are.';
REVOKE ALL ON FUNCTION runfold.cosine_similarity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.cosine_similarity TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.place_embedding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text;
BEGIN
    SELECT c.language INTO known FROM public.vector_collections c
     WHERE c.user_id = NEW.user_id AND c.name = NEW.collection_name;
    IF known IS NULL THEN
        INSERT INTO public.vector_collections (user_id, name, model, dimensions)
        VALUES (NEW.user_id, NEW.collection_name, NEW.model, cardinality(NEW.embedding::real[]))
            ON CONFLICT (user_id, name) DO NOTHING;
        SELECT c.language INTO known FROM public.vector_collections c
         WHERE c.user_id = NEW.user_id AND c.name = NEW.collection_name;
    END IF;
    NEW.language := coalesce(known, NEW.language);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.place_embedding IS
    'Gives a row the language of its collection, which it makes if it is the first row.';
REVOKE ALL ON FUNCTION runfold.place_embedding FROM PUBLIC;

CREATE FUNCTION runfold.searching_user(given uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := given;
BEGIN
    IF who IS NULL AND has_schema_privilege('auth', 'USAGE') AND has_function_privilege('auth.uid()', 'EXECUTE') THEN
        who := auth.uid();
    END IF;
    IF who IS NULL THEN
        PERFORM runfold.refuse_search('no_user');
    END IF;
    RETURN who;
END
$$;
COMMENT ON FUNCTION runfold.searching_user IS
    'The user whose rows a search reads: the given one, or the user of the request. Refuses where there is none.';
REVOKE ALL ON FUNCTION runfold.searching_user FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.searching_user TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.vector_schema() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
$$;
COMMENT ON FUNCTION runfold.vector_schema IS
    'The schema of pgvector''s extension, as an identifier: `extensions` on Supabase, `public` elsewhere.';
REVOKE ALL ON FUNCTION runfold.vector_schema FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.vector_schema TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION public.search_similar_vectors(
    query_embedding vector,
    collection_name_param text,
    similarity_threshold double precision DEFAULT 0.7,
    max_results integer DEFAULT 10,
    user_id_param uuid DEFAULT NULL
) RETURNS TABLE (id uuid, text_content text, metadata jsonb, similarity double precision)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.ef_search = '100' AS $$
DECLARE
    who constant uuid := runfold.searching_user(user_id_param);
    size constant integer := cardinality(query_embedding::real[]);
    number constant bigint := runfold.check_vector_search(who, collection_name_param, size, max_results, similarity_threshold);
    nearest text;
BEGIN
    IF number IS NULL THEN
        RETURN;
    END IF;
    nearest := CASE
        WHEN EXISTS (SELECT FROM pg_index i
                      WHERE i.indexrelid = to_regclass('public.idx_vector_embeddings_cosine_' || number) AND i.indisvalid)
        THEN 'e.embedding::%1$s.halfvec(%4$s) OPERATOR(%1$s.<=>) $1::%1$s.halfvec(%4$s) LIMIT 4 * $2'
        ELSE 'e.embedding OPERATOR(%1$s.<=>) $1 LIMIT $2'
        END;
    RETURN QUERY EXECUTE format(
        'SELECT c.id, c.text_content, c.metadata, 1 - c.distance
           FROM (SELECT n.id, n.text_content, n.metadata, n.embedding OPERATOR(%1$s.<=>) $1 AS distance
                   FROM (SELECT e.id, e.text_content, e.metadata, e.embedding
                           FROM public.vector_embeddings e
                          WHERE e.user_id = %2$L AND e.collection_name = %3$L AND e.dimensions = %4$s
                          ORDER BY ' || nearest || ') AS n
                  ORDER BY distance, n.id LIMIT $2) AS c
          WHERE 1 - c.distance >= $3
          ORDER BY c.distance, c.id',
        runfold.vector_schema(), who, collection_name_param, size)
        USING query_embedding, max_results, similarity_threshold;
END
$$;
COMMENT ON FUNCTION public.search_similar_vectors IS
    'The rows of a collection whose vectors are most similar to a vector by cosine, the most similar first.';
REVOKE ALL ON FUNCTION public.search_similar_vectors FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.search_similar_vectors TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.search_vector_texts(collection text, query text, max_results integer DEFAULT 10)
RETURNS TABLE (id uuid, text_rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id, ts_rank_cd(e.search_vector, q.words) AS text_rank
      FROM public.vector_collections c
     CROSS JOIN LATERAL (SELECT websearch_to_tsquery(c.language::regconfig, query) AS words) AS q
      JOIN public.vector_embeddings e ON e.user_id = c.user_id AND e.collection_name = c.name AND e.search_vector @@ q.words
     WHERE c.user_id = (SELECT auth.uid()) AND c.name = collection
     ORDER BY text_rank DESC, e.id
     LIMIT least(max_results, 1000)
$$;
COMMENT ON FUNCTION runfold.search_vector_texts IS
    'The rows of a collection whose text has the words of a query, the best first, with a rank.';
REVOKE ALL ON FUNCTION runfold.search_vector_texts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_vector_texts TO authenticated, service_role;

CREATE FUNCTION runfold.search_vector_texts_of(who uuid, collection text, query text, max_results integer DEFAULT 10)
RETURNS TABLE (id uuid, text_rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id, ts_rank_cd(e.search_vector, q.words) AS text_rank
      FROM public.vector_collections c
     CROSS JOIN LATERAL (SELECT websearch_to_tsquery(c.language::regconfig, query) AS words) AS q
      JOIN public.vector_embeddings e ON e.user_id = c.user_id AND e.collection_name = c.name AND e.search_vector @@ q.words
     WHERE c.user_id = who AND c.name = collection
     ORDER BY text_rank DESC, e.id
     LIMIT least(max_results, 1000)
$$;
COMMENT ON FUNCTION runfold.search_vector_texts_of IS
    'The rows of a collection of a user whose text has the words of a query, the best first, with a rank.';
REVOKE ALL ON FUNCTION runfold.search_vector_texts_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_vector_texts_of TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role;

CREATE FUNCTION public.search_vectors_hybrid(
    query_text text,
    query_embedding vector,
    collection_name_param text,
    max_results integer DEFAULT 10,
    vector_weight double precision DEFAULT 1,
    text_weight double precision DEFAULT 1,
    rank_constant integer DEFAULT 60,
    user_id_param uuid DEFAULT NULL
) RETURNS TABLE (id uuid, text_content text, metadata jsonb, score double precision, similarity double precision, text_rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who constant uuid := runfold.searching_user(user_id_param);
    depth integer;
    texts uuid[];
    ranks real[];
BEGIN
    IF vector_weight IS NULL OR text_weight IS NULL OR vector_weight < 0 OR text_weight < 0 OR vector_weight + text_weight = 0
       OR vector_weight + text_weight = 'infinity' OR vector_weight + text_weight = 'NaN' THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'vector_weight, text_weight', 'found', concat_ws(', ', vector_weight, text_weight),
            'limit', '0 or more, one of them more'));
    ELSIF rank_constant IS NULL OR rank_constant NOT BETWEEN 1 AND 10000 THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'rank_constant', 'found', rank_constant, 'limit', '1 to 10000'));
    END IF;
    PERFORM runfold.check_vector_search(who, collection_name_param, cardinality(query_embedding::real[]), max_results, 0);
    depth := least(greatest(4 * max_results, 40), 1000);
    -- Who may name a user asks for that user. Another sees the rows of the request's user and no others.
    IF has_function_privilege('runfold.search_vector_texts_of(uuid, text, text, integer)', 'EXECUTE') THEN
        SELECT array_agg(t.id ORDER BY t.n), array_agg(t.text_rank ORDER BY t.n) INTO texts, ranks
          FROM (SELECT s.id, s.text_rank, row_number() OVER (ORDER BY s.text_rank DESC, s.id) AS n
                  FROM runfold.search_vector_texts_of(who, collection_name_param, query_text, depth) AS s) AS t;
    ELSIF who = auth.uid() THEN
        SELECT array_agg(t.id ORDER BY t.n), array_agg(t.text_rank ORDER BY t.n) INTO texts, ranks
          FROM (SELECT s.id, s.text_rank, row_number() OVER (ORDER BY s.text_rank DESC, s.id) AS n
                  FROM runfold.search_vector_texts(collection_name_param, query_text, depth) AS s) AS t;
    END IF;
    RETURN QUERY
    WITH nearest AS (
        SELECT v.id, v.similarity, row_number() OVER (ORDER BY v.similarity DESC, v.id) AS n
          FROM public.search_similar_vectors(query_embedding, collection_name_param, -1, depth, who) AS v
    ), worded AS (
        SELECT w.id, w.text_rank, w.n FROM unnest(texts, ranks) WITH ORDINALITY AS w (id, text_rank, n)
    ), scored AS (
        SELECT coalesce(v.id, w.id) AS id, v.similarity, w.text_rank,
               coalesce(vector_weight / (rank_constant + v.n), 0) + coalesce(text_weight / (rank_constant + w.n), 0) AS score
          FROM nearest v FULL JOIN worded w ON w.id = v.id
         ORDER BY score DESC, 1
         LIMIT max_results
    )
    SELECT e.id, e.text_content, e.metadata, s.score, s.similarity, s.text_rank
      FROM scored s JOIN public.vector_embeddings e ON e.id = s.id AND e.user_id = who
     WHERE s.score > 0
     ORDER BY s.score DESC, e.id;
END
$$;
COMMENT ON FUNCTION public.search_vectors_hybrid IS
    'The rows of a collection that are nearest to a vector, or have the words of a query, or both, by reciprocal rank.';
REVOKE ALL ON FUNCTION public.search_vectors_hybrid FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.search_vectors_hybrid TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE TRIGGER embeddings_take_their_collections_language BEFORE INSERT ON public.vector_embeddings
    FOR EACH ROW EXECUTE FUNCTION runfold.place_embedding();

COMMENT ON CONSTRAINT vector_collections_pkey ON public.vector_collections
    IS 'runfold vectors 20261127000200';

-- migrate:down
