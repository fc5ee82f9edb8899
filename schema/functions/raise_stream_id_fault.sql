-- Raises the fault of a stream id, if it has one.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_stream_id_fault(stream_id text, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream_category constant text := substring(stream_id FROM '^([a-z][a-z0-9_]*)-');
    name constant text := substr(stream_id, length(stream_category) + 2);
    shown constant jsonb := to_jsonb(left(stream_id, 100));
BEGIN
    IF octet_length(stream_id) > 300 THEN
        PERFORM runfold.raise_fault('too_long', pointer, '300', to_jsonb(octet_length(stream_id)));
    ELSIF stream_category IS NULL THEN
        PERFORM runfold.raise_fault('invalid_stream_id', pointer, NULL, shown);
    END IF;
    PERFORM runfold.raise_value_fault('name', 1, CASE WHEN stream_category IN ('execution', 'log') THEN 255 ELSE 300 END, NULL,
                                      to_jsonb(name), pointer);
    IF NOT EXISTS (SELECT FROM runfold.event_types t WHERE t.category = stream_category) THEN
        PERFORM runfold.raise_fault('unknown_category', pointer, NULL, to_jsonb(stream_category));
    ELSIF stream_category IN ('interaction', 'response', 'deployment', 'definition', 'tenant')
          AND NOT (runfold.is_uuid(name) AND lower(name) = name) THEN
        PERFORM runfold.raise_fault('not_a_uuid', pointer, NULL, to_jsonb(left(name, 100)));
    END IF;
END
$$;
