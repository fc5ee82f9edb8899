-- A page of the caller's documents that match words, tags, category and metadata, the best first.
--
-- It runs as its owner, since row security keeps a tenant from the GIN indexes, and takes no user: nothing can be
-- pretended. Encrypted values are not found.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_documents(
    typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL,
    of_category text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, max_results integer DEFAULT 10, skipped integer DEFAULT 0
) RETURNS TABLE (
    collection_name varchar, id varchar, title varchar, description text, content text, metadata jsonb, category varchar,
    tags text[], language varchar, created_at timestamptz, updated_at timestamptz, expires_at timestamptz, rank real, highlight text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_documents_of(
        auth.uid(), typed, collection, all_tags, of_category, having_metadata, max_results, skipped)
$$;
