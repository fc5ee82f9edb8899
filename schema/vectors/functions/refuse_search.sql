-- Raises a refusal of a search, for roles that may not read the catalogue of refusals. It never returns.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.refuse_search(refusal text, facts jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF refusal NOT IN ('no_user', 'invalid_search', 'other_dimensions') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'not a refusal of a search: ' || refusal;
    END IF;
    PERFORM runfold.refuse(refusal, facts);
END
$$;
