-- Deletes a workflow, of a tenant's or (null) of anybody's, and returns whether there was one: for
-- services. Its rows go from the read tables, by WorkflowDeleted.
--
-- A workflow that has no row in workflows, as where an engine keeps its definitions elsewhere, is one by its
-- executions, its deployments or its history.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.delete_workflow(workflow_id uuid, tenant uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known record;
BEGIN
    IF EXISTS (SELECT FROM public.workflows w WHERE w.id = workflow_id) THEN
        DELETE FROM public.workflows w WHERE w.id = workflow_id AND (tenant IS NULL OR w.user_id = tenant);
        RETURN FOUND;
    END IF;
    -- Deleted already, if that is the last thing that its stream says.
    SELECT s.user_id INTO known
      FROM runfold.streams s JOIN runfold.events e ON e.position = s.last_position
     WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text) AND e.type <> 'WorkflowDeleted';
    IF NOT FOUND THEN
        -- By idx_events_execution_created, so that no fold has to be awaited.
        SELECT e.user_id INTO known FROM runfold.events e
         WHERE e.category = 'execution' AND e.type = 'ExecutionCreated'
           AND lower(e.data ->> 'workflow_id' COLLATE "C") = workflow_id::text
           AND NOT EXISTS (SELECT FROM runfold.streams s
                             JOIN runfold.events d ON d.position = s.last_position
                            WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text) AND d.position > e.position)
         LIMIT 1;
    END IF;
    IF NOT FOUND OR tenant <> known.user_id OR tenant IS NOT NULL AND known.user_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM runfold.append_deletion(workflow_id, known.user_id);
    RETURN true;
END
$$;
