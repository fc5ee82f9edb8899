-- Trigger: notes the workflows whose workflow_status changed, to be copied after the fold.
--
-- The fold itself does not touch workflows: a constraint, a trigger or a lock of a user would stop it.
--
-- grant: nobody
CREATE FUNCTION runfold.copy_status_to_workflows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.stale_workflows (workflow_id)
    SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id;
    RETURN NULL;
END
$$;
