-- Trigger: appends DefinitionSaved, at the commit, for the workflows that the transaction edited.
--
-- The first firing appends for all of them, the others find none.
--
-- grant: nobody
CREATE FUNCTION runfold.append_definition_saved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.append_definitions();
    RETURN NULL;
END
$$;
