-- Lets streams of a category take event types; our own categories are closed.
--
-- grant: operator
CREATE FUNCTION runfold.register_event_types(
    category text, types text[] DEFAULT '{*}', schema_version integer DEFAULT 1, opaque boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted text;
BEGIN
    IF category !~ '^[a-z][a-z0-9_]*$' OR length(category) > 100 OR category IS NULL THEN
        PERFORM runfold.raise_fault('invalid_stream_id', '/category', NULL, to_jsonb(left(category, 100)));
    ELSIF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = register_event_types.category AND t.closed) THEN
        PERFORM runfold.raise_fault('closed_category', '/category', NULL, to_jsonb(category));
    END IF;
    FOREACH wanted IN ARRAY types LOOP
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(wanted), '/types');
        IF EXISTS (SELECT FROM runfold.event_types o WHERE o.type = wanted AND o.closed) THEN
            PERFORM runfold.raise_fault('reserved_type', '/types', NULL, to_jsonb(wanted));
        END IF;
        INSERT INTO runfold.event_types AS t (category, type, schema_version, opaque)
        VALUES (category, wanted, schema_version, opaque)
            ON CONFLICT ON CONSTRAINT event_types_pkey DO UPDATE
            SET schema_version = greatest(t.schema_version, excluded.schema_version), opaque = excluded.opaque;
    END LOOP;
END
$$;
