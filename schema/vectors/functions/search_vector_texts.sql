-- The rows of a collection whose text has the words of a query, the best first, with a rank.
--
-- It runs as its owner: under row security the index of words is not used. It takes no user, so there is none to pretend: it reads the
-- rows of the request's user.
-- grant: authenticated, service_role
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
