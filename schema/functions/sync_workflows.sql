-- Makes the stale copies of workflow_status in workflows again; returns how many are left.
--
-- It copies what is noted as stale and not locked now.
--
-- grant: projector, operator
CREATE FUNCTION runfold.sync_workflows() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w
         WHERE w.id IN (SELECT workflow_id FROM runfold.stale_workflows) FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    )
    DELETE FROM runfold.stale_workflows s
     WHERE s.workflow_id IN (SELECT id FROM copied)
        OR NOT EXISTS (SELECT FROM public.workflows w WHERE w.id = s.workflow_id);
    RETURN (SELECT count(*) FROM runfold.stale_workflows);
END
$$;
