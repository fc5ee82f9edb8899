-- A page of the documents of a tenant that match words, tags, category and metadata, the best first; for services.
--
-- It runs as its owner: with a policy on the table, even one that lets all pass, the planner may not use its statistics.
-- The highlight has **two asterisks** around what matched, and is not escaped for HTML.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_documents_of(
    tenant uuid, typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL,
    of_category text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, max_results integer DEFAULT 10, skipped integer DEFAULT 0
) RETURNS TABLE (
    collection_name varchar, id varchar, title varchar, description text, content text, metadata jsonb, category varchar,
    tags text[], language varchar, created_at timestamptz, updated_at timestamptz, expires_at timestamptz, rank real, highlight text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    PERFORM runfold.require_between('/offset', skipped, 0, 10000);
    RETURN QUERY
    SELECT d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language, d.created_at,
           d.updated_at, d.expires_at, page.rank,
           CASE WHEN page.query IS NOT NULL THEN
               ts_headline(runfold.text_configuration(d.language), left(d.search_content, 200000), page.query,
                           'StartSel="**", StopSel="**", MaxFragments=2, MinWords=5, MaxWords=20')
           END
      FROM (SELECT * FROM runfold.matching_documents(tenant, typed, collection, all_tags, of_category, having_metadata) AS m
             ORDER BY m.rank DESC NULLS LAST, m.updated_at DESC, m.collection_name, m.id
             LIMIT max_results OFFSET skipped) AS page
     -- Row by row by the key: how many match is not known when this is planned, and all documents would be read.
     CROSS JOIN LATERAL (
           SELECT * FROM public.document_store s
            WHERE s.user_id = tenant AND s.collection_name = page.collection_name AND s.id = page.id
           OFFSET 0) AS d
     ORDER BY page.rank DESC NULLS LAST, page.updated_at DESC, page.collection_name, page.id;
END
$$;
