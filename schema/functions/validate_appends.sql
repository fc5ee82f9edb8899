-- Parses and validates a call of append_events, or raises its first fault.
--
-- Every append passes through it. It answers yes quickly (runfold.event_is_valid, generated from
-- the models); when it would answer no, or a quick test is in doubt, the exact path
-- (runfold.raise_append_fault) walks the call and raises RF001 with its first fault: code, JSON
-- pointer, limit and what was found. Python raises the same codes from the same catalogue.
--
-- `exact` is the caller's word that the text was encoded from maps, so that no key comes twice, and
-- that its numbers are within 64 bits: then the text is not searched for what jsonb drops or
-- changes.
--
-- One statement checks all events. Its plan is made once a session: it reads no table. An append of
-- a few events of the usual form, as most engines send, does without, because to set that statement
-- up takes longer than to check them.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.validate_appends(appends text, exact boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    parsed jsonb;
    canonical text;
    append jsonb;
    stream text;
    category text;
    events jsonb;
    event jsonb;
    size integer;
    event_ids uuid[] := '{}';
    stream_ids text[];
    valid boolean;
BEGIN
    IF octet_length(appends) > 256000000 THEN
        PERFORM runfold.raise_append_fault(appends);
    END IF;
    BEGIN
        parsed := appends::jsonb;
        IF NOT exact THEN
            canonical := parsed::text;
        END IF;
        valid := jsonb_array_length(parsed) BETWEEN 1 AND 1000 AND (exact OR runfold.json_is_exact(appends, parsed, canonical));
        -- Both marks of an encrypted value have this part, and few calls have it.
        IF valid AND strpos(coalesce(canonical, appends), 'ncrypted') > 0 THEN
            valid := runfold.first_reserved_form(parsed) IS NULL;
        END IF;
        IF valid AND jsonb_array_length(parsed) = 1 AND jsonb_array_length(parsed #> '{0,events}') <= 16 THEN
            append := parsed -> 0;
            events := append -> 'events';
            size := jsonb_array_length(events);
            stream := append ->> 'stream_id';
            category := split_part(stream, '-', 1);
            -- No more than the statement below says, of fewer forms: false only sends the call there.
            IF coalesce(
                   category IN ('execution', 'log') AND octet_length(stream) BETWEEN octet_length(category) + 2 AND 264
                   AND stream !~ '[^!-~]' AND jsonb_typeof(append -> 'stream_id') = 'string'
                   AND (append - '{stream_id,expected_version,user_id,events,encrypted}'::text[]) = '{}'
                   AND coalesce(jsonb_typeof(append -> 'encrypted'), 'null') IN ('boolean', 'null')
                   AND (append ->> 'expected_version' IS NULL OR (append -> 'expected_version')::text::bigint >= 0)
                   AND (append ->> 'user_id' IS NULL
                        OR append ->> 'user_id' LIKE '________-____-____-____-____________'
                           AND (append ->> 'user_id')::uuid IS NOT NULL), false) THEN
                FOR n IN 1 .. size LOOP
                    event := events -> n - 1;
                    EXIT WHEN NOT coalesce(
                        (event - '{event_id,type,schema_version,data,metadata,occurred_at}'::text[]) = '{}'
                        AND event ->> 'event_id' LIKE '________-____-____-____-____________'
                        AND (event ->> 'event_id')::uuid <> ALL (event_ids)
                        AND octet_length(event ->> 'occurred_at') = 32
                        AND to_char((event ->> 'occurred_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                            = event ->> 'occurred_at'
                        AND event ->> 'occurred_at' COLLATE "C" >= '0001-01-02' AND event ->> 'occurred_at' COLLATE "C" < '9999-12-31'
                        AND coalesce(jsonb_typeof(event -> 'metadata'), 'object') IN ('object', 'null')
                        AND (pg_column_size(event) < 800
                             OR NOT event @? 'strict $.**{101}' AND runfold.large_event_is_valid(event))
                        AND (event -> 'schema_version')::text = runfold.current_schema_version(event ->> 'type')::text
                        AND runfold.event_is_valid(category, event ->> 'type', stream, event -> 'data'), false);
                    IF n = size THEN
                        RETURN parsed;
                    END IF;
                    event_ids := event_ids || (event ->> 'event_id')::uuid;
                END LOOP;
            END IF;
        END IF;
        IF valid THEN
            SELECT count(*) <= 10000
                   AND count(*) FILTER (WHERE e.n = 1) = jsonb_array_length(parsed)
                   AND bool_and(coalesce(
                       e.event ->> 'event_id' LIKE '________-____-____-____-____________'
                       -- What most producers write, microseconds in UTC, reads back as it was.
                       AND (octet_length(e.event ->> 'occurred_at') = 32
                            AND to_char((e.event ->> 'occurred_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                                = e.event ->> 'occurred_at'
                            AND e.event ->> 'occurred_at' COLLATE "C" >= '0001-01-02' AND e.event ->> 'occurred_at' COLLATE "C" < '9999-12-31'
                            OR runfold.is_timestamp(e.event ->> 'occurred_at'))
                       AND coalesce(jsonb_typeof(e.event -> 'metadata'), 'object') IN ('object', 'null')
                       -- A level of nesting takes at least 8 bytes of jsonb; a byte of jsonb writes at most 40 (1e-300).
                       AND (pg_column_size(e.event) < 800
                            OR NOT jsonb_path_exists(e.event, 'strict $.**{101}')
                               AND (pg_column_size(e.event) < 1600 AND pg_column_size(e.event -> 'metadata') < 400
                                    OR runfold.large_event_is_valid(e.event)))
                       AND CASE WHEN a.category NOT IN ('execution', 'log', 'interaction', 'response', 'deployment', 'tenant')
                                THEN runfold.registered_event_is_valid(a.category, e.event)
                                     -- The mark of an encrypted payload, in base64.
                                     AND (NOT starts_with(e.event ->> 'payload', 'cnVuZm9sZC1lbmNyeXB0ZWQK')
                                          OR a.append -> 'encrypted' = 'true') IS NOT FALSE
                                WHEN (e.event - '{event_id,type,schema_version,data,metadata,occurred_at}'::text[]) <> '{}'
                                THEN false
                                WHEN coalesce(e.event ->> 'schema_version', '1')
                                     = runfold.current_schema_version(e.event ->> 'type')::text
                                     AND jsonb_typeof(e.event -> 'schema_version') IS DISTINCT FROM 'string'
                                THEN runfold.event_is_valid(a.category, e.event ->> 'type', a.stream_id, e.event -> 'data')
                                ELSE runfold.older_event_is_valid(a.category, a.stream_id, e.event) END
                       AND (e.n > 1 OR runfold.append_is_valid(a.append, a.stream_id, a.category)), false)),
                   array_agg((e.event ->> 'event_id')::uuid), array_agg(a.stream_id) FILTER (WHERE e.n = 1)
              INTO valid, event_ids, stream_ids
              FROM (SELECT x.append, x.append ->> 'stream_id' AS stream_id, split_part(x.append ->> 'stream_id', '-', 1) AS category
                      FROM jsonb_array_elements(parsed) AS x (append) OFFSET 0) AS a,
                   jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n);
        END IF;
        -- Not as count(DISTINCT) above, for which PostgreSQL 16 and later sort the appends.
        IF valid AND cardinality(event_ids) > 1 THEN
            valid := (SELECT count(DISTINCT id) FROM unnest(event_ids) AS id) = cardinality(event_ids)
                     AND (cardinality(stream_ids) = 1 OR (SELECT count(DISTINCT id COLLATE "C") FROM unnest(stream_ids) AS id)
                                                         = cardinality(stream_ids));
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN  -- an allocation over 1 GB has no other state
        valid := false;
    END;
    IF valid IS NOT TRUE THEN
        PERFORM runfold.raise_append_fault(appends);
    END IF;
    RETURN parsed;
END
$$;
