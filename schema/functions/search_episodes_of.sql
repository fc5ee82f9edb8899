-- The episodes of a tenant by their words, the best first; for services.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_episodes_of(
    tenant uuid, typed text, by_actor text DEFAULT NULL, in_session text DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.episodic_memory
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    RETURN QUERY
    WITH RECURSIVE found AS (
            (SELECT t.language FROM public.episodic_memory t WHERE t.user_id = tenant ORDER BY t.language LIMIT 1)
            UNION ALL
            SELECT (SELECT t.language FROM public.episodic_memory t WHERE t.user_id = tenant AND t.language > f.language ORDER BY t.language LIMIT 1)
              FROM found f WHERE f.language IS NOT NULL
        )
    SELECT e.*
      FROM found f
     CROSS JOIN LATERAL (SELECT runfold.text_query(f.language, typed) AS asked OFFSET 0) AS q
      JOIN public.episodic_memory e ON e.search_vector @@ q.asked AND e.language = f.language
     WHERE f.language IS NOT NULL AND e.user_id = tenant AND (by_actor IS NULL OR e.actor = by_actor)
       AND (in_session IS NULL OR e.session_id = in_session)
       AND (since IS NULL OR e.timestamp >= since) AND (until IS NULL OR e.timestamp < until)
       AND (e.expires_at IS NULL OR e.expires_at > now())
     ORDER BY ts_rank(e.search_vector, q.asked) DESC, e.importance DESC, e.timestamp DESC, e.id
     LIMIT max_results;
END
$$;
