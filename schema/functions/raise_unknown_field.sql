-- Raises the first field that is not known.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_unknown_field(object jsonb, fields text[], pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown constant text := (SELECT k FROM jsonb_object_keys(object - fields) AS k ORDER BY k COLLATE "C" LIMIT 1);
BEGIN
    IF unknown IS NOT NULL THEN
        PERFORM runfold.raise_fault('unknown_field', pointer || '/' || replace(replace(unknown, '~', '~0'), '/', '~1'),
                                    NULL, to_jsonb(left(unknown, 100)));
    END IF;
END
$$;
