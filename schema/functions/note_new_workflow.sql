-- Trigger: has the copy of a new workflow made again after its commit.
--
-- A status that changes while a workflow's insert is open is not seen by either side.
--
-- grant: nobody
CREATE FUNCTION runfold.note_new_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.stale_workflows (workflow_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
