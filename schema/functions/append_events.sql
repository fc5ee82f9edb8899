-- Appends events to one or several streams, all or nothing; safe to send again with the same event
-- ids.
--
-- The one way into the log. docs/decisions/003-append.md says why the steps come in this order.
--
--   appends     JSON array of {stream_id, expected_version, user_id, events: [{event_id, type, schema_version,
--               data | payload, metadata, occurred_at}], claims: [[kind, key]], releases: [[kind, key]],
--               encrypted}; encrypted = true: the caller has encrypted the values that have that form
--   command_id  makes the whole call repeatable under one id
--   repeats     'skip': the events of an append that are stored already, which must be the first that it gives, are
--               skipped, and its others are appended: so events may be sent again in other calls than at first
--
-- Returns one row an append, in the order given. A call that is sent again with the same event ids
-- (or command id) returns its first result, with repeated = true. With repeats, repeated says that all
-- events of the append were stored, skipped how many were, versions and positions where each of them
-- is. Without, these three are null: an append's events are adjacent.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.append_events(appends text, command_id uuid DEFAULT NULL, repeats text DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean,
               skipped integer, versions bigint[], positions bigint[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    call jsonb := runfold.validate_appends(appends);
    count constant integer := jsonb_array_length(call);
    lock_order integer[] := '{1}';
    stream_ids text[];       -- as given, then those that are only locked
    expected_versions bigint[];
    begins_at constant bigint[] := NULL;  -- 0: see lock_streams
    skipping constant boolean := repeats IS NOT NULL;
    tenants uuid[];
    heads bigint[];          -- the version of each stream before this call
    ends integer[];          -- events up to and including each append
    total integer := 0;
    answering boolean := false;  -- a stream is an interaction's
    executions text[];       -- the streams whose executions are asked for what is answered
    single jsonb;            -- the event of a call that has one, as most have: it needs no unpacking of arrays
    i integer;
    expected bigint;
    locked record;
    conflict integer;        -- the first append whose expected_version does not match
    inserted bigint;
    result jsonb;
    stored jsonb;            -- with repeats: the events of each append that are stored
    numbers integer[];       -- and how many
    last bigint;
    base bigint;             -- the last position before this call's first
BEGIN
    IF repeats IS NOT NULL THEN
        PERFORM runfold.check_repeats(call, command_id, repeats);
    END IF;
    IF count = 1 THEN
        stream_ids := ARRAY[call #>> '{0,stream_id}'];
        expected_versions := ARRAY[(call #>> '{0,expected_version}')::bigint];
        tenants := ARRAY[(call #>> '{0,user_id}')::uuid];
        total := jsonb_array_length(call #> '{0,events}');
        ends := ARRAY[total];
        answering := starts_with(stream_ids[1], 'interaction-');
        IF total = 1 THEN
            single := call #> '{0,events,0}';
        END IF;
    ELSE
        FOR i IN 1 .. count LOOP
            stream_ids[i] := call #>> ARRAY[(i - 1)::text, 'stream_id'];
            expected_versions[i] := (call #>> ARRAY[(i - 1)::text, 'expected_version'])::bigint;
            tenants[i] := (call #>> ARRAY[(i - 1)::text, 'user_id'])::uuid;
            total := total + jsonb_array_length(call #> ARRAY[(i - 1)::text, 'events']);
            ends[i] := total;
            answering := answering OR starts_with(stream_ids[i], 'interaction-');
        END LOOP;
    END IF;
    -- An answer locks the execution that asked, too: the execution's end comes before it, and refuses it, or after it.
    IF answering THEN
        executions := runfold.executions_of_answers(call);
        stream_ids := stream_ids || ARRAY(SELECT s.stream_id FROM runfold.streams s
                                           WHERE s.stream_id = ANY (executions) AND s.stream_id <> ALL (stream_ids));
    END IF;
    IF cardinality(stream_ids) > 1 THEN
        lock_order := ARRAY(SELECT s.n FROM unnest(stream_ids) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    -- step: lock_streams

    -- A repeat? The command id, then the event ids: all new, all known (a repeat), or a mix (refused). Only then a conflict, so that
    -- a repeat of an append that moved the stream is a repeat.
    IF command_id IS NOT NULL THEN
        result := runfold.recorded_command(command_id, call);
        IF result IS NOT NULL THEN
            RETURN QUERY
            SELECT r.stream_id, r.version, r.first_position, r.last_position, true, NULL::integer, NULL::bigint[], NULL::bigint[]
              FROM ROWS FROM (jsonb_to_recordset(result)
                              AS (stream_id text, version bigint, first_position bigint, last_position bigint))
                   WITH ORDINALITY AS r (stream_id, version, first_position, last_position, n) ORDER BY r.n;
            RETURN;
        END IF;
    END IF;
    IF repeats IS NOT NULL THEN
        stored := runfold.stored_prefixes(call, heads);
        numbers := ARRAY(SELECT (s.prefix ->> 'size')::integer FROM jsonb_array_elements(stored) WITH ORDINALITY AS s (prefix, n)
                          ORDER BY s.n);
        call := runfold.without_prefixes(call, numbers);
        single := NULL;
        conflict := NULL;
        total := 0;
        FOR i IN 1 .. count LOOP
            total := total + jsonb_array_length(call #> ARRAY[(i - 1)::text, 'events']) - numbers[i];
            ends[i] := total;
            IF conflict IS NULL AND numbers[i] = 0 AND expected_versions[i] <> heads[i] THEN
                conflict := i;
            END IF;
        END LOOP;
        IF conflict IS NULL AND total > 0 THEN
            PERFORM runfold.add_event_ids(call, heads, numbers);
        END IF;
        inserted := total;
    ELSIF single IS NOT NULL THEN
        INSERT INTO runfold.event_ids (event_id, stream_version) VALUES ((single ->> 'event_id')::uuid, heads[1] + 1)
            ON CONFLICT DO NOTHING;
    ELSIF count = 1 THEN
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e #>> '{}')::uuid, heads[1] + n
          FROM jsonb_path_query(call, 'strict $[0].events[*].event_id') WITH ORDINALITY AS x (e, n)
            ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e ->> 'event_id')::uuid, heads[a.n] + x.n
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
            ON CONFLICT DO NOTHING;
    END IF;
    IF repeats IS NULL THEN
        GET DIAGNOSTICS inserted = ROW_COUNT;
    END IF;
    IF inserted < total THEN
        RETURN QUERY SELECT r.*, true, NULL::integer, NULL::bigint[], NULL::bigint[] FROM runfold.recorded_appends(call, inserted > 0) AS r;
        RETURN;
    END IF;
    IF conflict IS NOT NULL THEN
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'pointer', format('/%s/expected_version', conflict - 1), 'stream_id', stream_ids[conflict],
            'version', heads[conflict], 'expected_version', expected_versions[conflict]));
    END IF;

    IF total = 0 THEN
        RETURN QUERY
        SELECT stream_ids[s.n], s.versions[s.size], s.positions[1], s.positions[s.size], true, s.size, s.versions, s.positions
          FROM ROWS FROM (jsonb_to_recordset(stored) AS (size integer, versions bigint[], positions bigint[]))
               WITH ORDINALITY AS s (size, versions, positions, n) ORDER BY s.n;
        RETURN;
    END IF;

    IF cardinality(executions) > 0 THEN
        PERFORM runfold.refuse_late_answers(call);
    END IF;

    -- The claims: those that the call asks for, and those of its events.
    IF call -> 0 ?| '{claims,releases}' OR count > 1 AND (call @? '$[*].claims' OR call @? '$[*].releases')
       OR runfold.has_claim_rule(single ->> 'type') OR single IS NULL AND call @? runfold.claiming_events() THEN
        PERFORM runfold.take_claims(call);
    END IF;

    -- The fence, and the positions behind it.
    last := runfold.allocate_positions(total);
    base := last - total;

    -- An erased tenant's streams take no event, whoever appends. Looked up behind the fence, in a statement of its own: who looked
    -- before it and then waited would come in behind TenantErased, and the tenant's rows would come back.
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants[:count])) THEN
        PERFORM runfold.refuse_erased(tenants[:count], stream_ids[:count]);
    END IF;

    -- The events, at offsets (a row_number() would sort the payloads).
    IF single IS NOT NULL THEN
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        VALUES (last, last, stream_ids[1], heads[1] + 1, (single ->> 'event_id')::uuid, split_part(stream_ids[1], '-', 1),
                single ->> 'type', coalesce((single ->> 'schema_version')::integer, 1), tenants[1],
                nullif(single -> 'data', 'null'), decode(single ->> 'payload', 'base64'),
                coalesce(nullif(single -> 'metadata', 'null'), '{}'), (single ->> 'occurred_at')::timestamptz, clock_timestamp());
    ELSE
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        SELECT base + coalesce(ends[a.n - 1], 0) + e.n - a.stored, last, stream_ids[a.n], heads[a.n] + e.n - a.stored, e.event_id,
               split_part(stream_ids[a.n], '-', 1), e.type, coalesce(e.schema_version, 1), tenants[a.n], e.data,
               decode(e.payload, 'base64'), coalesce(e.metadata, '{}'), e.occurred_at, clock_timestamp()
          FROM (SELECT x.append, x.n, coalesce(numbers[x.n], 0) AS stored
                  FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n) OFFSET 0) AS a,
               ROWS FROM (jsonb_to_recordset(a.append -> 'events')
                          AS (event_id uuid, type text, schema_version integer, data jsonb, payload text, metadata jsonb,
                              occurred_at timestamptz))
               WITH ORDINALITY AS e (event_id, type, schema_version, data, payload, metadata, occurred_at, n)
         WHERE e.n > a.stored;
    END IF;

    -- The streams' rows, and the command.
    FOR i IN 1 .. count LOOP
        stream_id := stream_ids[i];
        version := heads[i] + ends[i] - coalesce(ends[i - 1], 0);
        first_position := base + coalesce(ends[i - 1], 0) + 1;
        last_position := base + ends[i];
        repeated := false;
        IF repeats IS NOT NULL THEN
            skipped := numbers[i];
            versions := ARRAY(SELECT v::bigint FROM jsonb_array_elements_text(stored #> ARRAY[(i - 1)::text, 'versions']) AS v)
                        || ARRAY(SELECT generate_series(heads[i] + 1, version));
            positions := ARRAY(SELECT p::bigint FROM jsonb_array_elements_text(stored #> ARRAY[(i - 1)::text, 'positions']) AS p)
                         || ARRAY(SELECT generate_series(first_position, last_position));
            IF last_position < first_position THEN
                version := versions[skipped];
                first_position := positions[1];
                last_position := positions[skipped];
                repeated := true;
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;
        UPDATE runfold.streams s
           SET version = append_events.version,
               first_position = coalesce(s.first_position, append_events.first_position),
               last_position = append_events.last_position
         WHERE s.stream_id = stream_ids[i];
        IF skipped > 0 THEN
            first_position := positions[1];
        END IF;
        RETURN NEXT;
    END LOOP;
    IF command_id IS NOT NULL THEN
        PERFORM runfold.record_command(command_id, call, (
            SELECT jsonb_agg(jsonb_build_object('stream_id', stream_ids[n],
                                                'version', heads[n] + ends[n] - coalesce(ends[n - 1], 0),
                                                'first_position', base + coalesce(ends[n - 1], 0) + 1,
                                                'last_position', base + ends[n]) ORDER BY n)
              FROM generate_series(1, count) AS n));
    END IF;

    -- step: wake
END
$$;
