-- Quick check of an event of a category that its owner registered.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.registered_event_is_valid(category text, event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
#variable_conflict use_column
DECLARE
    known runfold.event_types;
    wanted constant text := event ->> 'type';
    payload constant text := event ->> 'payload';
BEGIN
    SELECT * INTO known FROM runfold.event_types t
     WHERE t.category = registered_event_is_valid.category AND t.type IN (wanted, '*') AND NOT t.closed
     ORDER BY t.type = '*' LIMIT 1;
    -- Folds choose events by type: nobody else's may bear a name of ours.
    RETURN FOUND AND NOT EXISTS (SELECT FROM runfold.event_types o WHERE o.type = wanted AND o.closed)
       AND jsonb_typeof(event -> 'type') = 'string' AND wanted ~ '^[!-~]+$' AND octet_length(wanted) <= 255
       AND coalesce(nullif(event -> 'schema_version', 'null')::text::integer, 1) BETWEEN 1 AND known.schema_version
       AND (event - '{event_id,type,schema_version,data,payload,metadata,occurred_at}'::text[]) = '{}'
       AND CASE WHEN payload IS NULL THEN jsonb_typeof(event -> 'data') = 'object'
                ELSE (known.opaque OR known.type = '*') AND event ->> 'data' IS NULL
                     AND jsonb_typeof(event -> 'payload') = 'string' AND runfold.is_base64(payload) END;
END
$$;
