-- Raises the fault of a required value, if it has one.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.require_value(kind text, minimum bigint, maximum bigint, value jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(value, 'null') = 'null' THEN
        PERFORM runfold.raise_fault('required', pointer);
    END IF;
    PERFORM runfold.raise_value_fault(kind, minimum, maximum, NULL, value, pointer);
END
$$;
