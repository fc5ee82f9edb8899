-- The workflows of a tenant that have all of these tags, and whose name begins so, by name; for services.
--
-- It runs as its owner, as search_executions_of does.
--
-- grant: operator, service_role
CREATE FUNCTION runfold.search_workflows_of(
    tenant uuid, having_tags text[] DEFAULT NULL, name_begins text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflows
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    pattern constant text := replace(replace(replace(lower(name_begins), '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT w.*
      FROM public.workflows w
     WHERE w.user_id = tenant
       AND (having_tags IS NULL OR w.tags @> having_tags)
       AND (pattern IS NULL OR lower(w.name) LIKE pattern)
     ORDER BY lower(w.name), w.id
     LIMIT max_results;
END
$$;
