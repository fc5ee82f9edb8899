-- How many of the matching documents of a tenant have each tag, the most frequent first; for services.
--
-- As its owner, for the planner: see search_documents_of.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.document_tags_of(
    tenant uuid, typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL, max_results integer DEFAULT 50
) RETURNS TABLE (tag text, documents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT g.tag, count(DISTINCT (m.collection_name, m.id))
      FROM runfold.matching_documents(tenant, typed, collection, all_tags, NULL, NULL) AS m
     CROSS JOIN LATERAL unnest(m.tags) AS g (tag)
     GROUP BY g.tag
     ORDER BY 2 DESC, g.tag COLLATE "C"
     LIMIT max_results;
END
$$;
