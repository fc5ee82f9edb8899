-- The user whose rows a search reads: the given one, or the user of the request. Refuses where there is none.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.searching_user(given uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := given;
BEGIN
    IF who IS NULL AND has_schema_privilege('auth', 'USAGE') AND has_function_privilege('auth.uid()', 'EXECUTE') THEN
        who := auth.uid();
    END IF;
    IF who IS NULL THEN
        PERFORM runfold.refuse_search('no_user');
    END IF;
    RETURN who;
END
$$;
