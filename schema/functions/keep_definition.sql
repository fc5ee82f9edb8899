-- Keeps the definition that a deployment names, and returns its digest; null where it cannot be kept
-- apart from the event: for a tenant that auth.users does not have, or for none, nothing would
-- delete it.
--
-- Without a definition, the digest of the workflow's newest version; null where it has none.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.keep_definition(workflow_id uuid, tenant uuid, definition jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    owner constant uuid := coalesce(
        (SELECT s.user_id FROM runfold.streams s WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text)), tenant,
        (SELECT w.user_id FROM public.workflows w WHERE w.id = workflow_id));
    digest constant text := runfold.definition_digest(definition);
BEGIN
    IF definition IS NULL THEN
        RETURN (SELECT l.digest FROM runfold.last_definition(workflow_id) AS l);
    ELSIF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = owner) THEN
        RETURN NULL;
    END IF;
    INSERT INTO runfold.definitions (user_id, digest, body) VALUES (owner, digest, definition)
        ON CONFLICT ON CONSTRAINT definitions_pkey DO NOTHING;
    RETURN digest;
END
$$;
