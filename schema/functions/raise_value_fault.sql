-- Raises the fault of a value that is not null, if it has one.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_value_fault(
    kind text, minimum bigint, maximum bigint, allowed text[], value jsonb, pointer text
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expected constant text := CASE
        WHEN kind IN ('name', 'text', 'enum', 'uuid', 'timestamp') THEN 'string'
        WHEN kind IN ('integer', 'number') THEN 'number'
        WHEN kind = 'strings' THEN 'array'
        ELSE kind END;
    content constant text := value #>> '{}';
    shown constant jsonb := to_jsonb(left(content, 100));
    sound boolean;
    item record;
BEGIN
    IF kind = 'json' THEN
        RETURN;
    END IF;
    IF jsonb_typeof(value) <> expected THEN
        PERFORM runfold.raise_fault('wrong_type', pointer, to_jsonb(expected), to_jsonb(jsonb_typeof(value)));
    END IF;
    CASE
    WHEN kind IN ('name', 'text') THEN
        IF length(content) > maximum THEN
            PERFORM runfold.raise_fault('too_long', pointer, to_jsonb(maximum), to_jsonb(length(content)));
        ELSIF kind = 'name' AND content ~ '[\x01-\x1f\x7f-\x9f]' THEN
            PERFORM runfold.raise_fault('control_character', pointer, NULL, to_jsonb(
                'U+' || upper(lpad(to_hex(ascii(substring(content FROM '[\x01-\x1f\x7f-\x9f]'))), 4, '0'))));
        ELSIF kind = 'name' AND content ~ '^[\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$' THEN
            PERFORM runfold.raise_fault('blank', pointer);
        END IF;
    WHEN kind = 'enum' THEN
        IF content <> ALL (allowed) THEN
            PERFORM runfold.raise_fault('not_allowed', pointer, to_jsonb(allowed), shown);
        END IF;
    WHEN kind = 'uuid' THEN
        IF NOT runfold.is_uuid(content) THEN
            PERFORM runfold.raise_fault('not_a_uuid', pointer, NULL, shown);
        END IF;
    WHEN kind = 'timestamp' THEN
        BEGIN
            sound := runfold.is_timestamp(content);
        EXCEPTION WHEN data_exception THEN
            sound := false;
        END;
        IF NOT sound AND runfold.is_in_calendar(content) THEN
            PERFORM runfold.raise_fault('out_of_range', pointer, '["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]', shown);
        ELSIF NOT sound THEN
            PERFORM runfold.raise_fault('not_a_timestamp', pointer, NULL, shown);
        END IF;
    WHEN kind IN ('integer', 'number') THEN
        IF kind = 'integer' AND scale(value::numeric) > 0 THEN
            PERFORM runfold.raise_fault('not_an_integer', pointer, NULL, value);
        ELSIF value::numeric < minimum OR value::numeric > maximum THEN
            PERFORM runfold.raise_fault('out_of_range', pointer, jsonb_build_array(minimum, maximum), value);
        END IF;
    WHEN kind = 'strings' THEN
        FOR item IN SELECT e.value, e.n FROM jsonb_array_elements(value) WITH ORDINALITY AS e (value, n) LOOP
            IF jsonb_typeof(item.value) <> 'string' THEN
                PERFORM runfold.raise_fault('wrong_type', pointer || '/' || (item.n - 1), '"string"',
                                            to_jsonb(jsonb_typeof(item.value)));
            END IF;
        END LOOP;
    ELSE
        NULL;
    END CASE;
END
$$;
