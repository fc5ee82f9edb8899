-- Raises the fault of a call of append_opaque_events, if it has one.
--
-- It sets no search_path: it runs under its caller's.
--
-- grant: nobody
CREATE FUNCTION runfold.require_opaque_events(
    category text, names text[], first_versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[],
    event_ids uuid[]
) RETURNS void
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    total constant integer := cardinality(numbers);
    count constant integer := cardinality(names);
    sound boolean;
    largest integer;
    maximum bigint;
    name text;
BEGIN
    IF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = require_opaque_events.category AND t.reserved) THEN
        PERFORM runfold.raise_fault('reserved_category', '/category', NULL, to_jsonb(category));
    ELSIF NOT EXISTS (SELECT FROM runfold.applications a WHERE a.category = require_opaque_events.category) THEN
        PERFORM runfold.raise_fault('unknown_category', '/category', NULL, to_jsonb(left(category, 100)));
    ELSIF coalesce(total, 0) = 0 THEN
        PERFORM runfold.raise_fault('empty_call', '');
    ELSIF total > 10000 THEN
        PERFORM runfold.raise_fault('too_many_events', '', '10000');
    ELSIF count > 1000 THEN
        PERFORM runfold.raise_fault('too_many_appends', '', '1000', to_jsonb(count));
    ELSIF pg_column_size(payloads) > 256000000 THEN
        PERFORM runfold.raise_fault('call_too_large', '', '256000000', to_jsonb(pg_column_size(payloads)));
    END IF;
    -- min and max look past nulls, which the columns refuse.
    SELECT min(e.number) = 1 AND max(e.number) = count AND min(e.type_number) >= 1 AND max(e.type_number) <= cardinality(types)
           AND cardinality(type_numbers) = total AND cardinality(payloads) = total AND cardinality(event_ids) = total
           AND cardinality(first_versions) = count AND array_position(numbers, NULL) IS NULL AND array_position(payloads, NULL) IS NULL
      INTO sound
      FROM unnest(numbers, type_numbers) AS e (number, type_number);
    IF sound IS NOT TRUE THEN
        PERFORM runfold.raise_fault('wrong_type', '', '"arrays of one length each, without nulls"', '"others"');
    ELSIF count > 1 AND (SELECT count(DISTINCT s.name) < count OR NOT array_agg(s.n::integer) <@ numbers
                           FROM unnest(names) WITH ORDINALITY AS s (name, n)) THEN
        PERFORM runfold.raise_fault('duplicate_stream', '/names', NULL, '"a name twice, or without events"');
    ELSIF pg_column_size(payloads) > 65536 THEN  -- the least that max_event_bytes may be
        SELECT s.value INTO maximum FROM runfold.settings s WHERE s.name = 'max_event_bytes';
        SELECT max(octet_length(p)) INTO largest FROM unnest(payloads) AS p;
        IF largest > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', '/payloads', to_jsonb(maximum), to_jsonb(largest));
        END IF;
    END IF;
    FOREACH name IN ARRAY types LOOP
        -- None of ours has a colon; what is not a plain topic is looked at closely.
        IF name ~ '^[!-~]+:[!-~]+$' AND length(name) <= 255 THEN
            CONTINUE;
        END IF;
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(name), '/types');
        IF EXISTS (SELECT FROM runfold.event_types o WHERE o.type = name AND o.closed) THEN
            PERFORM runfold.raise_fault('reserved_type', '/types', NULL, to_jsonb(name));
        END IF;
    END LOOP;
    FOR i IN 1 .. count LOOP
        IF first_versions[i] BETWEEN 0 AND 9223372036854700000 AND names[i] ~ '^[!-~]+$'
           AND length(category) + length(names[i]) < 264 THEN
            CONTINUE;
        END IF;
        PERFORM runfold.raise_value_fault('integer', 0, 9223372036854700000, NULL, to_jsonb(first_versions[i]), '/first_versions');
        PERFORM runfold.raise_stream_id_fault(runfold.stream_id(category, names[i]), '/names');
    END LOOP;
END
$$;
