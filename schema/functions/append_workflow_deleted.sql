-- Trigger: appends WorkflowDeleted in the transaction that deletes a workflow.
--
-- The log must not hinder an edit: the event is appended when the transaction commits, so that its
-- locks are held briefly.
--
-- grant: nobody
CREATE FUNCTION runfold.append_workflow_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.append_deletion(OLD.id, OLD.user_id);
    RETURN NULL;
END
$$;
