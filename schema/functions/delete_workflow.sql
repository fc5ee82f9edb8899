-- Deletes a workflow, of a tenant's or (null) of anybody's, and returns whether there was one: for
-- services. Its trigger appends WorkflowDeleted.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.delete_workflow(workflow_id uuid, tenant uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.workflows w WHERE w.id = workflow_id AND (tenant IS NULL OR w.user_id = tenant);
    RETURN FOUND;
END
$$;
