-- Raises the first fault of an event.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_event_fault(stream_id text, event jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream_category constant text := split_part(stream_id, '-', 1);
    name constant text := substr(stream_id, length(stream_category) + 2);
    event_type constant text := event ->> 'type';
    version integer := 1;
    known runfold.event_types;
    data jsonb := nullif(event -> 'data', 'null');
    payload constant text := event ->> 'payload';
    metadata constant jsonb := nullif(event -> 'metadata', 'null');
    octets bigint;
    maximum bigint;
    field runfold.event_fields;
BEGIN
    PERFORM runfold.require_value('name', 1, 255, event -> 'type', pointer || '/type');
    SELECT * INTO known FROM runfold.event_types t
     WHERE t.category = stream_category AND t.type IN (event_type, '*') ORDER BY t.type = '*' LIMIT 1;
    IF NOT FOUND OR (known.type = '*' AND known.closed) THEN
        PERFORM runfold.raise_fault('unknown_type', pointer || '/type', NULL, to_jsonb(left(event_type, 100)));
    ELSIF NOT known.closed AND EXISTS (SELECT FROM runfold.event_types o WHERE o.type = event_type AND o.closed) THEN
        PERFORM runfold.raise_fault('reserved_type', pointer || '/type', NULL, to_jsonb(event_type));
    END IF;
    IF known.reserved AND NOT EXISTS (SELECT FROM runfold.permits p WHERE p.event_id::text = lower(event ->> 'event_id')) THEN
        PERFORM runfold.raise_fault('reserved_category', pointer || '/type', NULL, to_jsonb(event_type));
    END IF;
    IF coalesce(event -> 'schema_version', 'null') <> 'null' THEN
        PERFORM runfold.raise_value_fault('integer', 1, 2147483647, NULL, event -> 'schema_version', pointer || '/schema_version');
        version := event ->> 'schema_version';
        IF version > known.schema_version THEN
            PERFORM runfold.raise_fault('schema_version_newer', pointer || '/schema_version', to_jsonb(known.schema_version),
                                        to_jsonb(version));
        END IF;
    END IF;

    maximum := (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_event_bytes');
    IF payload IS NOT NULL THEN
        IF data IS NOT NULL THEN
            PERFORM runfold.raise_fault('data_and_payload', pointer || '/payload');
        ELSIF NOT (known.opaque OR known.type = '*') THEN
            PERFORM runfold.raise_fault('payload_not_allowed', pointer || '/payload');
        END IF;
        PERFORM runfold.raise_value_fault('text', NULL, NULL, NULL, event -> 'payload', pointer || '/payload');
        IF NOT runfold.is_base64(payload) THEN
            PERFORM runfold.raise_fault('not_base64', pointer || '/payload');
        END IF;
        octets := runfold.base64_octets(payload);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', pointer || '/payload', to_jsonb(maximum), to_jsonb(octets));
        END IF;
    ELSE
        PERFORM runfold.require_value('object', NULL, NULL, data, pointer || '/data');
        octets := octet_length(data::text);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', pointer || '/data', to_jsonb(maximum), to_jsonb(octets));
        END IF;
        IF known.closed THEN
            data := runfold.upcast(event_type, version, data);
            FOR field IN SELECT * FROM runfold.event_fields f WHERE f.type = event_type ORDER BY f.ordinal LOOP
                IF coalesce(data -> field.field, 'null') <> 'null' THEN
                    PERFORM runfold.raise_value_fault(field.kind, field.minimum, field.maximum, field.allowed,
                                                      data -> field.field, pointer || '/data/' || field.field);
                ELSIF field.required THEN
                    PERFORM runfold.raise_fault('required', pointer || '/data/' || field.field);
                END IF;
            END LOOP;
            PERFORM runfold.raise_unknown_field(
                data, ARRAY(SELECT f.field FROM runfold.event_fields f WHERE f.type = event_type), pointer || '/data');
            IF event_type = 'ExecutionCreated' AND data ->> 'execution_id' <> name THEN
                PERFORM runfold.raise_fault('stream_mismatch', pointer || '/data/execution_id', to_jsonb(name),
                                            data -> 'execution_id');
            END IF;
        END IF;
    END IF;

    IF metadata IS NOT NULL THEN
        PERFORM runfold.raise_value_fault('object', NULL, NULL, NULL, metadata, pointer || '/metadata');
        maximum := (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_metadata_bytes');
        octets := octet_length(metadata::text);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('metadata_too_large', pointer || '/metadata', to_jsonb(maximum), to_jsonb(octets));
        END IF;
    END IF;
    PERFORM runfold.require_value('timestamp', NULL, NULL, event -> 'occurred_at', pointer || '/occurred_at');
    PERFORM runfold.raise_unknown_field(
        event, '{event_id,type,schema_version,data,payload,metadata,occurred_at}', pointer);
END
$$;
