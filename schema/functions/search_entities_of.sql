-- The entities of a tenant by name, alias, words and attributes; who is named so comes first; for services.
--
-- As its owner, for the planner: see search_documents_of.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_entities_of(
    tenant uuid, typed text DEFAULT NULL, of_type text DEFAULT NULL, having_attributes jsonb DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.entities
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    RETURN QUERY
    SELECT e.*
      FROM public.entities e
     WHERE e.user_id = tenant AND (of_type IS NULL OR e.type = of_type)
       AND (typed IS NULL OR e.aliases @> ARRAY[typed] OR e.search_vector @@ runfold.text_query('simple', typed))
       AND (having_attributes IS NULL OR e.attributes @> having_attributes)
     ORDER BY e.name = typed DESC, typed = ANY (e.aliases) DESC,
              ts_rank(e.search_vector, runfold.text_query('simple', typed)) DESC, e.importance_score DESC, e.id
     LIMIT max_results;
END
$$;
