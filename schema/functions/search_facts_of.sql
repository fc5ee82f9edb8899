-- The facts of a tenant that hold at a time, by their words, by what their object or metadata contains; for services.
--
-- As its owner, for the planner: see search_documents_of.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_facts_of(
    tenant uuid, typed text DEFAULT NULL, having_object jsonb DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_domain text DEFAULT NULL,
    at timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.knowledge_facts
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    at := coalesce(at, clock_timestamp());
    RETURN QUERY
    SELECT f.*
      FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND (typed IS NULL OR f.search_vector @@ runfold.text_query('simple', typed))
       AND (having_object IS NULL OR f.object @> having_object)
       AND (having_metadata IS NULL OR f.metadata @> having_metadata)
       AND (of_domain IS NULL OR f.domain = of_domain)
       AND f.valid_from <= at AND (f.valid_to IS NULL OR f.valid_to > at) AND (f.expires_at IS NULL OR f.expires_at > now())
     ORDER BY ts_rank(f.search_vector, runfold.text_query('simple', typed)) DESC, f.confidence DESC, f.valid_from DESC, f.id
     LIMIT max_results;
END
$$;
