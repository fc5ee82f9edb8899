-- Appends events to one or several streams, all or nothing; safe to send again with the same event
-- ids.
--
-- The one way into the log. docs/decisions/003-append.md says why the steps come in this order.
--
--   appends     JSON array of {stream_id, expected_version, user_id, events: [{event_id, type, schema_version,
--               data | payload, metadata, occurred_at}], claims: [[kind, key]], releases: [[kind, key]]}
--   command_id  makes the whole call repeatable under one id
--
-- Returns one row an append, in the order given. A call that is sent again with the same event ids
-- (or command id) returns its first result, with repeated = true.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.append_events(appends text, command_id uuid DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    call constant jsonb := runfold.validate_appends(appends);
    count constant integer := jsonb_array_length(call);
    log_tag constant integer := 'runfold.events'::regclass::oid::bigint::bit(32)::integer;
    lock_order integer[] := '{1}';
    names text[];            -- stream ids, as given
    ends integer[];          -- events up to and including each append
    deploys boolean := false; -- some stream is a workflow's deployments: their triggers take claims
    tenants uuid[];
    versions bigint[];       -- of each stream before this call
    total integer := 0;
    single jsonb;            -- the event of a call that has one, as most have: told apart, it needs no unpacking of arrays
    i integer;
    expected bigint;
    stood record;
    conflict integer;        -- the first append whose expected_version does not match
    conflict_expected bigint;
    inserted bigint;
    digest bytea;
    last bigint;
    base bigint;             -- the last position before this call's first
BEGIN
    IF count = 1 THEN
        names := ARRAY[call #>> '{0,stream_id}'];
        tenants := ARRAY[(call #>> '{0,user_id}')::uuid];
        total := jsonb_array_length(call #> '{0,events}');
        ends := ARRAY[total];
        deploys := starts_with(names[1], 'deployment-');
        IF total = 1 THEN
            single := call #> '{0,events,0}';
        END IF;
    ELSE
        FOR i IN 1 .. count LOOP
            names[i] := call #>> ARRAY[(i - 1)::text, 'stream_id'];
            tenants[i] := (call #>> ARRAY[(i - 1)::text, 'user_id'])::uuid;
            total := total + jsonb_array_length(call #> ARRAY[(i - 1)::text, 'events']);
            ends[i] := total;
            deploys := deploys OR starts_with(names[i], 'deployment-');
        END LOOP;
        lock_order := ARRAY(SELECT s.n FROM unnest(names) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    -- 1. The streams' rows, in one order for everybody, so that two calls can not deadlock.
    FOREACH i IN ARRAY lock_order LOOP
        expected := (call #>> ARRAY[(i - 1)::text, 'expected_version'])::bigint;
        stood := NULL;
        IF expected = 0 THEN
            INSERT INTO runfold.streams AS s (stream_id, user_id, version) VALUES (names[i], tenants[i], 0)
                ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version, s.user_id INTO stood;
        END IF;
        IF stood IS NULL THEN
            SELECT s.version, s.user_id INTO stood FROM runfold.streams s WHERE s.stream_id = names[i] FOR NO KEY UPDATE;
        END IF;
        IF stood IS NULL THEN
            INSERT INTO runfold.streams AS s (stream_id, user_id, version) VALUES (names[i], tenants[i], 0)
                ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version, s.user_id INTO stood;
            IF stood IS NULL THEN
                SELECT s.version, s.user_id INTO stood FROM runfold.streams s WHERE s.stream_id = names[i] FOR NO KEY UPDATE;
            END IF;
        END IF;
        IF tenants[i] IS DISTINCT FROM stood.user_id THEN
            IF tenants[i] IS NOT NULL THEN
                PERFORM runfold.refuse('stream_unavailable', jsonb_build_object(
                    'pointer', format('/%s/user_id', i - 1), 'stream_id', names[i]));
            END IF;
            tenants[i] := stood.user_id;
        END IF;
        versions[i] := stood.version;
        IF expected <> stood.version AND (conflict IS NULL OR i < conflict) THEN
            conflict := i;
            conflict_expected := expected;
        END IF;
    END LOOP;

    -- 2. The command id, then the event ids: all new, all known (a repeat), or a mix (refused).
    IF command_id IS NOT NULL THEN
        digest := runfold.command_digest(call);
        SELECT c.digest, c.result INTO stood FROM runfold.commands c WHERE c.command_id = append_events.command_id;
        IF FOUND THEN
            IF stood.digest <> digest THEN
                PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
            END IF;
            RETURN QUERY
            SELECT r.stream_id, r.version, r.first_position, r.last_position, true
              FROM ROWS FROM (jsonb_to_recordset(stood.result)
                              AS (stream_id text, version bigint, first_position bigint, last_position bigint))
                   WITH ORDINALITY AS r (stream_id, version, first_position, last_position, n) ORDER BY r.n;
            RETURN;
        END IF;
    END IF;
    IF single IS NOT NULL THEN
        INSERT INTO runfold.event_ids (event_id, stream_version) VALUES ((single ->> 'event_id')::uuid, versions[1] + 1)
            ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e ->> 'event_id')::uuid, versions[a.n] + x.n
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
            ON CONFLICT DO NOTHING;
    END IF;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted < total THEN
        RETURN QUERY SELECT r.*, true FROM runfold.recorded_appends(call, inserted > 0) AS r;
        RETURN;
    END IF;
    IF conflict IS NOT NULL THEN
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'pointer', format('/%s/expected_version', conflict - 1), 'stream_id', names[conflict],
            'version', versions[conflict], 'expected_version', conflict_expected));
    END IF;
    IF deploys OR call -> 0 ?| '{claims,releases}' OR count > 1 AND (call @? '$[*].claims' OR call @? '$[*].releases') THEN
        PERFORM runfold.take_claims(call);
    END IF;
    IF coalesce(single ->> 'type' NOT IN ('NodeStarted', 'NodeSucceeded', 'NodeScheduled', 'LogAppended'), true)
       AND call @? '$[*].events[*].type ? (@ starts with "Pause" || @ == "ExecutionSucceeded" || @ == "ExecutionFailed"
                    || @ == "ExecutionCanceled" || @ == "ExecutionTimedOut" || @ == "ExecutionDeclaredLost")' THEN
        PERFORM runfold.take_pause_claims(call);
    END IF;

    -- 3 and 4. The fence, and the positions behind it.
    last := runfold.allocate_positions(total);
    base := last - total;

    -- 5. Events at offsets (a row_number() would sort the payloads), the streams' rows, the command.
    IF single IS NOT NULL THEN
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        VALUES (last, last, names[1], versions[1] + 1, (single ->> 'event_id')::uuid, split_part(names[1], '-', 1),
                single ->> 'type', coalesce((single ->> 'schema_version')::integer, 1), tenants[1],
                nullif(single -> 'data', 'null'), decode(single ->> 'payload', 'base64'),
                coalesce(nullif(single -> 'metadata', 'null'), '{}'), (single ->> 'occurred_at')::timestamptz, clock_timestamp());
    ELSE
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        SELECT base + coalesce(ends[a.n - 1], 0) + e.n, last, names[a.n], versions[a.n] + e.n, e.event_id,
               split_part(names[a.n], '-', 1), e.type, coalesce(e.schema_version, 1), tenants[a.n], e.data,
               decode(e.payload, 'base64'), coalesce(e.metadata, '{}'), e.occurred_at, clock_timestamp()
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               ROWS FROM (jsonb_to_recordset(a.append -> 'events')
                          AS (event_id uuid, type text, schema_version integer, data jsonb, payload text, metadata jsonb,
                              occurred_at timestamptz))
               WITH ORDINALITY AS e (event_id, type, schema_version, data, payload, metadata, occurred_at, n);
    END IF;
    FOR i IN 1 .. count LOOP
        stream_id := names[i];
        version := versions[i] + ends[i] - coalesce(ends[i - 1], 0);
        first_position := base + coalesce(ends[i - 1], 0) + 1;
        last_position := base + ends[i];
        repeated := false;
        UPDATE runfold.streams s
           SET version = append_events.version,
               first_position = coalesce(s.first_position, append_events.first_position),
               last_position = append_events.last_position
         WHERE s.stream_id = names[i];
        RETURN NEXT;
    END LOOP;
    IF command_id IS NOT NULL THEN
        INSERT INTO runfold.commands (command_id, digest, result, recorded_at)
        SELECT append_events.command_id, digest,
               jsonb_agg(jsonb_build_object('stream_id', names[n],
                                            'version', versions[n] + ends[n] - coalesce(ends[n - 1], 0),
                                            'first_position', base + coalesce(ends[n - 1], 0) + 1,
                                            'last_position', base + ends[n]) ORDER BY n), clock_timestamp()
          FROM generate_subscripts(names, 1) AS n
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            -- Recorded meanwhile by a call to other streams: the same streams would have waited for each other above.
            PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
        END IF;
    END IF;

    -- An idle worker holds this lock and sleeps; a busy one will look again by itself. NOTIFY in every append would cost a
    -- third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off` forgoes it.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off' AND NOT pg_try_advisory_xact_lock_shared(log_tag, 1) THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;
END
$$;
