-- The rows of a collection that are nearest to a vector, or have the words of a query, or both, by reciprocal rank.
--
-- A row's score is the sum of weight / (rank_constant + rank) over the two lists, each four times as long as the result. With
-- weights of 1 and 0.5 a row of the second list alone can never be among the first ten: 0.5 / 61 < 1 / 70. So both are 1.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
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
