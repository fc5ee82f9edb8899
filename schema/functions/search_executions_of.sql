-- The newest executions of a tenant by a part of their error's text, by what their metadata contains, by status; for services.
--
-- Encrypted fields are not found: an encrypted error has no text to look into. The words are part of the statement when it is
-- planned, so that a rare one is found by an index: trigrams of errors where pg_trgm is there, and the metadata's.
-- It runs as its owner: under a policy the planner may not use the statistics of these columns, and misses the index.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.search_executions_of(
    tenant uuid, error_text text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_status text DEFAULT NULL,
    max_results integer DEFAULT 20
) RETURNS SETOF public.workflow_executions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    pattern constant text := '%' || replace(replace(replace(error_text, '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT e.*
      FROM public.workflow_executions e
     WHERE e.user_id = tenant
       AND (pattern IS NULL OR e.error_message ILIKE pattern)
       -- Its index leaves out the executions without metadata.
       AND (having_metadata IS NULL OR having_metadata = '{}' OR e.metadata @> having_metadata AND e.metadata <> '{}')
       AND (of_status IS NULL OR e.status = of_status)
     ORDER BY e.created_at DESC, e.id
     LIMIT max_results;
END
$$;
