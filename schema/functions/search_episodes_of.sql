-- The episodes of a tenant by their words, the best first; for services.
--
-- As its owner, for the planner: see search_documents_of.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_episodes_of(
    tenant uuid, typed text, by_actor text DEFAULT NULL, in_session text DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.episodic_memory
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    RETURN QUERY
    SELECT e.*
      FROM (SELECT * FROM runfold.matching_episodes(tenant, typed, by_actor, in_session, since, until) AS m
             ORDER BY m.rank DESC, m.importance DESC, m.happened DESC, m.id
             LIMIT max_results) AS page
     CROSS JOIN LATERAL (SELECT * FROM public.episodic_memory s WHERE s.id = page.id OFFSET 0) AS e
     ORDER BY page.rank DESC, page.importance DESC, page.happened DESC, page.id;
END
$$;
