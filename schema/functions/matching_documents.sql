-- The documents of a tenant that match, each with the query in its language; all of them where no query is given.
--
-- A query is read in the language of each document. The languages of a tenant are found by index, one look a language. Each
-- has a plan of its own, which knows the words: with words that are not known yet, the index would seem too dear.
--
-- grant: nobody
CREATE FUNCTION runfold.matching_documents(
    tenant uuid, typed text, collection text, all_tags text[], of_category text, having_metadata jsonb
) RETURNS TABLE (collection_name varchar, id varchar, tags text[], updated_at timestamptz, query tsquery, rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    found_language text;
    asked tsquery;
BEGIN
    IF typed IS NULL THEN
        RETURN QUERY
        SELECT d.collection_name, d.id, d.tags, d.updated_at, NULL::tsquery, NULL::real
          FROM public.document_store d
         WHERE d.user_id = tenant AND (collection IS NULL OR d.collection_name = collection)
           AND (all_tags IS NULL OR d.tags @> all_tags) AND (of_category IS NULL OR d.category = of_category)
           AND (having_metadata IS NULL OR d.metadata @> having_metadata) AND (d.expires_at IS NULL OR d.expires_at > now());
    ELSE
        FOR found_language IN
            WITH RECURSIVE found AS (
                (SELECT t.language FROM public.document_store t WHERE t.user_id = tenant ORDER BY t.language LIMIT 1)
                UNION ALL
                SELECT (SELECT t.language FROM public.document_store t
                         WHERE t.user_id = tenant AND t.language > f.language ORDER BY t.language LIMIT 1)
                  FROM found f WHERE f.language IS NOT NULL
            )
            SELECT f.language FROM found f WHERE f.language IS NOT NULL
        LOOP
            asked := runfold.text_query(found_language, typed);
            RETURN QUERY
            SELECT d.collection_name, d.id, d.tags, d.updated_at, asked, ts_rank(d.search_vector, asked)
              FROM public.document_store d
             WHERE d.user_id = tenant AND d.search_vector @@ asked AND d.language = found_language
               AND (collection IS NULL OR d.collection_name = collection)
               AND (all_tags IS NULL OR d.tags @> all_tags) AND (of_category IS NULL OR d.category = of_category)
               AND (having_metadata IS NULL OR d.metadata @> having_metadata) AND (d.expires_at IS NULL OR d.expires_at > now());
        END LOOP;
    END IF;
END
$$;
