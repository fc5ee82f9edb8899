-- The caller's facts that hold at a time, by their words, by what their object or metadata contains.
--
-- As its owner and for no user but the caller's: see search_documents.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_facts(
    typed text DEFAULT NULL, having_object jsonb DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_domain text DEFAULT NULL,
    at timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.knowledge_facts
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_facts_of(auth.uid(), typed, having_object, having_metadata, of_domain, at, max_results)
$$;
