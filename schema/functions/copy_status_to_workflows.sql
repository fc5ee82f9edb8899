-- Trigger: copies a changed workflow_status, without waiting for locked workflows.
--
-- grant: nobody
CREATE FUNCTION runfold.copy_status_to_workflows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    )
    INSERT INTO runfold.stale_workflows (workflow_id)
    SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id WHERE w.id NOT IN (SELECT id FROM copied);
    RETURN NULL;
END
$$;
