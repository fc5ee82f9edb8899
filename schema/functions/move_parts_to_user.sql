-- Trigger: gives the nodes and connections of a workflow the user that the workflow has now.
--
-- The foreign keys do so between two users; they do not match parts of a workflow that had none.
--
-- grant: nobody
CREATE FUNCTION runfold.move_parts_to_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.nodes n SET user_id = NEW.user_id WHERE n.workflow_id = NEW.id AND n.user_id IS DISTINCT FROM NEW.user_id;
    UPDATE public.node_connections c SET user_id = NEW.user_id
     WHERE c.workflow_id = NEW.id AND c.user_id IS DISTINCT FROM NEW.user_id;
    RETURN NULL;
END
$$;
