-- Trigger: notes the workflows whose nodes or connections a statement changed.
--
-- It only notes: the definition is looked at when the transaction commits. A TRUNCATE shows no rows, so all workflows are noted before it.
--
-- grant: nobody
CREATE FUNCTION runfold.note_edited() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT pg_current_xact_id(), w.id FROM public.workflows w ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT DISTINCT pg_current_xact_id(), n.workflow_id FROM new_rows n WHERE n.workflow_id IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT DISTINCT pg_current_xact_id(), o.workflow_id FROM old_rows o WHERE o.workflow_id IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
