-- Trigger: sets the user of a part of a workflow, a node or a connection, to the workflow's.
--
-- Also where another user is given: row security then refuses a tenant's row of another's workflow, and
-- in the same words one of a workflow that does not exist, since both are not the tenant's.
--
-- grant: nobody
CREATE FUNCTION runfold.fill_user_of_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.user_id := (SELECT w.user_id FROM public.workflows w WHERE w.id = NEW.workflow_id);
    RETURN NEW;
END
$$;
