-- The rows of a collection whose vectors are most similar to a vector by cosine, the most similar first.
--
-- The user is the fifth parameter, or the request's; one must be there. A collection with an index is searched by it: four times
-- as many candidates by half precision, ordered again by the whole vector. Another is searched exactly. The index is found only
-- if user, collection and size are constants of the statement. `similarity_threshold` comes last, so it never hides a nearer row.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
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
