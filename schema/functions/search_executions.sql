-- The caller's newest executions by a part of their error's text, by what their metadata contains, by status.
--
-- As its owner and for no user but the caller's: under row security no index of texts or JSON is used. Encrypted fields are not
-- found.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_executions(
    error_text text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_status text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflow_executions
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_executions_of(auth.uid(), error_text, having_metadata, of_status, max_results)
$$;
