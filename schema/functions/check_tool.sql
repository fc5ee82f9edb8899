-- Refuses a tool whose schemas are no JSON Schemas or whose version has no order, and sets updated_at.
--
-- A tool_schema may be the whole description that the Model Context Protocol gives: then its inputSchema and outputSchema are
-- schemas.
--
-- grant: nobody
CREATE FUNCTION runfold.check_tool() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault constant jsonb := (
        SELECT f.fault || jsonb_build_object('pointer', s.pointer || (f.fault ->> 'pointer'))
          FROM (VALUES (1, '/tool_schema', NEW.tool_schema),
                       (2, '/tool_schema/inputSchema', NEW.tool_schema -> 'inputSchema'),
                       (3, '/tool_schema/outputSchema', NEW.tool_schema -> 'outputSchema'),
                       (4, '/configuration_schema', NEW.configuration_schema)) AS s (n, pointer, document)
         CROSS JOIN LATERAL (SELECT runfold.schema_fault(s.document)) AS f (fault)
         WHERE f.fault IS NOT NULL AND s.document IS NOT NULL
         ORDER BY s.n
         LIMIT 1);
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM runfold.refuse('invalid_schema', fault);
    END IF;
    IF (runfold.version_order(NEW.version))[1] = '!' THEN
        PERFORM runfold.refuse('invalid_version', jsonb_build_object('pointer', '/version', 'found', NEW.version));
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
