-- Saves a definition for a user, as save_workflow does: for services. Without a user, the one whose
-- workflow the definition's `id` names.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.save_workflow_of(owner uuid, definition jsonb, expected_version bigint DEFAULT NULL)
RETURNS TABLE (workflow_id uuid, version bigint, digest text, changed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    user_id uuid := owner;
BEGIN
    PERFORM runfold.require_definition(definition);
    IF user_id IS NULL THEN
        SELECT w.user_id INTO user_id FROM public.workflows w WHERE w.id = (definition ->> 'id')::uuid;
        IF NOT FOUND THEN
            PERFORM runfold.raise_fault('required', '/user_id');
        END IF;
    END IF;
    RETURN QUERY SELECT p.* FROM runfold.put_workflow(user_id, definition, expected_version) AS p;
END
$$;
