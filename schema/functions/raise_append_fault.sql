-- Raises the first fault of a call: the exact path behind the quick checks.
--
-- Faults of the JSON come first, then those of what it says.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_append_fault(appends text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most_bytes constant integer := 256000000;
    call jsonb;
    a record;
    e record;
    pointer text;
    stream_id text;
    repeated_id text;
    repeated_stream bigint;
    total integer := 0;
BEGIN
    -- Above it neither jsonb nor a regular expression takes the text.
    IF octet_length(appends) > most_bytes THEN
        PERFORM runfold.raise_fault('call_too_large', '', to_jsonb(most_bytes), to_jsonb(octet_length(appends)));
    END IF;
    BEGIN
        call := appends::jsonb;
    EXCEPTION
        WHEN data_exception OR statement_too_complex THEN NULL;  -- the text itself shows why, below
        WHEN program_limit_exceeded OR internal_error THEN
            -- Short numbers and many small objects take more room in jsonb than in text.
            PERFORM runfold.raise_fault('call_too_large', '', to_jsonb(most_bytes), to_jsonb(octet_length(appends)));
    END;
    PERFORM runfold.raise_json_fault(appends);
    PERFORM runfold.require_value('array', NULL, NULL, call, '');
    IF jsonb_array_length(call) = 0 THEN
        PERFORM runfold.raise_fault('empty_call', '');
    ELSIF jsonb_array_length(call) > 1000 THEN
        PERFORM runfold.raise_fault('too_many_appends', '', '1000', to_jsonb(jsonb_array_length(call)));
    END IF;
    SELECT min(r.n) INTO repeated_stream
      FROM (SELECT x.n, row_number() OVER (PARTITION BY x.append -> 'stream_id' ORDER BY x.n) AS occurrence
              FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n)
             WHERE jsonb_typeof(x.append) = 'object') AS r
     WHERE r.occurrence > 1;
    SELECT format('/%s/events/%s/event_id', r.i - 1, r.j - 1) INTO repeated_id
      FROM (SELECT x.n AS i, y.n AS j,
                   row_number() OVER (PARTITION BY lower(y.event ->> 'event_id') ORDER BY x.n, y.n) AS occurrence
              FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n),
                   jsonb_array_elements(CASE jsonb_typeof(x.append -> 'events') WHEN 'array' THEN x.append -> 'events' END)
                   WITH ORDINALITY AS y (event, n)) AS r
     WHERE r.occurrence > 1 ORDER BY r.i, r.j LIMIT 1;

    FOR a IN SELECT x.append, x.n FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n) LOOP
        pointer := '/' || (a.n - 1);
        PERFORM runfold.require_value('object', NULL, NULL, a.append, pointer);
        stream_id := a.append ->> 'stream_id';
        PERFORM runfold.require_value('text', NULL, NULL, a.append -> 'stream_id', pointer || '/stream_id');
        PERFORM runfold.raise_stream_id_fault(stream_id, pointer || '/stream_id');
        IF a.n = repeated_stream THEN
            PERFORM runfold.raise_fault('duplicate_stream', pointer || '/stream_id', NULL, to_jsonb(stream_id));
        END IF;
        IF coalesce(a.append -> 'expected_version', 'null') <> 'null' THEN
            -- A text of digits counts as their number.
            PERFORM runfold.raise_value_fault(
                'integer', 0, 9223372036854775807, NULL,
                CASE WHEN a.append -> 'expected_version' @? '$ ? (@.type() == "string" && @ like_regex "^[0-9]{1,30}$")'
                     THEN to_jsonb((a.append ->> 'expected_version')::numeric) ELSE a.append -> 'expected_version' END,
                pointer || '/expected_version');
        END IF;
        IF coalesce(a.append -> 'user_id', 'null') <> 'null' THEN
            PERFORM runfold.raise_value_fault('uuid', NULL, NULL, NULL, a.append -> 'user_id', pointer || '/user_id');
        END IF;
        PERFORM runfold.require_value('array', NULL, NULL, a.append -> 'events', pointer || '/events');
        total := total + jsonb_array_length(a.append -> 'events');
        IF jsonb_array_length(a.append -> 'events') = 0 THEN
            PERFORM runfold.raise_fault('empty_append', pointer || '/events');
        ELSIF total > 10000 THEN
            PERFORM runfold.raise_fault('too_many_events', pointer || '/events', '10000', to_jsonb(total));
        END IF;
        FOR e IN SELECT x.event, format('%s/events/%s', pointer, x.n - 1) AS pointer
                   FROM jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (event, n) ORDER BY x.n LOOP
            PERFORM runfold.require_value('object', NULL, NULL, e.event, e.pointer);
            PERFORM runfold.require_value('uuid', NULL, NULL, e.event -> 'event_id', e.pointer || '/event_id');
            IF e.pointer || '/event_id' = repeated_id THEN
                PERFORM runfold.raise_fault('duplicate_event_id', repeated_id, NULL, e.event -> 'event_id');
            END IF;
            PERFORM runfold.raise_event_fault(stream_id, e.event, e.pointer);
        END LOOP;
        PERFORM runfold.raise_claims_fault(a.append -> 'claims', pointer || '/claims');
        PERFORM runfold.raise_claims_fault(a.append -> 'releases', pointer || '/releases');
        IF coalesce(a.append -> 'encrypted', 'null') <> 'null' THEN
            PERFORM runfold.raise_value_fault('boolean', NULL, NULL, NULL, a.append -> 'encrypted', pointer || '/encrypted');
        END IF;
        PERFORM runfold.raise_unknown_field(
            a.append, '{stream_id,expected_version,user_id,events,claims,releases,encrypted}', pointer);
    END LOOP;
    pointer := runfold.first_reserved_form(call);
    IF pointer IS NOT NULL THEN
        PERFORM runfold.raise_fault('reserved_form', pointer);
    END IF;
END
$$;
