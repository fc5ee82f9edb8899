-- Refuses a number that is not between two limits.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.require_between(pointer text, given bigint, least_value bigint, greatest_value bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF given IS NULL OR given NOT BETWEEN least_value AND greatest_value THEN
        PERFORM runfold.refuse('not_between', jsonb_build_object(
            'pointer', pointer, 'found', given, 'least', least_value, 'limit', greatest_value));
    END IF;
END
$$;
