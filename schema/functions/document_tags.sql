-- How many of the caller's matching documents have each tag, the most frequent first.
--
-- As its owner and for no user but the caller's: see search_documents.
--
-- grant: authenticated
CREATE FUNCTION runfold.document_tags(
    typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL, max_results integer DEFAULT 50
) RETURNS TABLE (tag text, documents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.document_tags_of(auth.uid(), typed, collection, all_tags, max_results)
$$;
