-- Refuses a node specification whose data is no JSON Schema or whose version has no order, and sets updated_at.
--
-- grant: nobody
CREATE FUNCTION runfold.check_node_specification() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault constant jsonb := runfold.schema_fault(NEW.specification_data);
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM runfold.refuse('invalid_schema',
                               fault || jsonb_build_object('pointer', '/specification_data' || (fault ->> 'pointer')));
    END IF;
    IF (runfold.version_order(NEW.specification_version))[1] = '!' THEN
        PERFORM runfold.refuse('invalid_version', jsonb_build_object('pointer', '/specification_version',
                                                                     'found', NEW.specification_version));
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
