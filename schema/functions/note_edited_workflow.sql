-- Trigger: notes a workflow that was made, or in which a column that people own was changed.
--
-- A row's trigger with a condition, because the folds' copies of the log's columns must note nothing: a
-- note would append in the worker's transaction.
--
-- grant: nobody
CREATE FUNCTION runfold.note_edited_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.edited_workflows (xid, workflow_id) VALUES (pg_current_xact_id(), NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
