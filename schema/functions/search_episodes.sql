-- The caller's episodes by their words, the best first.
--
-- As its owner and for no user but the caller's: see search_documents.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_episodes(
    typed text, by_actor text DEFAULT NULL, in_session text DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.episodic_memory
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_episodes_of(auth.uid(), typed, by_actor, in_session, since, until, max_results)
$$;
