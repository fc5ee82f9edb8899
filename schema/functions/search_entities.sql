-- The caller's entities by name, alias, words and attributes; who is named so comes first.
--
-- As its owner and for no user but the caller's: see search_documents.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_entities(
    typed text DEFAULT NULL, of_type text DEFAULT NULL, having_attributes jsonb DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.entities
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_entities_of(auth.uid(), typed, of_type, having_attributes, max_results)
$$;
