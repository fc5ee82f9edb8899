-- Saves a definition as a workflow of the caller's: a new one, or the one that its `id` names; returns
-- its id, the version and the digest that it has now, and whether that is a new version.
--
-- The definition has the columns of workflows under their names, and `nodes` and `connections` with the columns of theirs.
-- `expected_version` is the version that the caller loaded: another one is refused (version_conflict). Everything that is wrong
-- with the definition is refused at once (definition_invalid), an id of another tenant's like every id that cannot be had
-- (workflow_unavailable).
--
-- grant: authenticated
CREATE FUNCTION runfold.save_workflow(definition jsonb, expected_version bigint DEFAULT NULL)
RETURNS TABLE (workflow_id uuid, version bigint, digest text, changed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NULL THEN
        PERFORM runfold.raise_fault('required', '/user_id');
    END IF;
    RETURN QUERY SELECT p.* FROM runfold.put_workflow(auth.uid(), definition, expected_version) AS p;
END
$$;
