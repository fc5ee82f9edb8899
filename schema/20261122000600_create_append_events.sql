-- migrate:up

-- The one way into the log. Why each step stands where it does: docs/decisions/003-append.md.
--
--   appends     JSON array of {stream_id, expected_version, user_id, events: [{event_id, type, schema_version, data | payload,
--               metadata, occurred_at}], claims: [[kind, key]], releases: [[kind, key]]}
--   command_id  makes the whole call repeatable under one id
--
-- Returns one row an append, in the order given. All or nothing. Sent again with the same event ids (or command id) it
-- returns what it returned at first, with repeated = true.
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
                RAISE EXCEPTION USING
                    ERRCODE = 'RF003',
                    MESSAGE = format('the stream %s can not be used by this tenant', names[i]),
                    DETAIL = jsonb_build_object('code', 'stream_unavailable', 'pointer', format('/%s/user_id', i - 1),
                                                'stream_id', names[i]),
                    HINT = 'choose another stream id: each stream has one tenant';
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
                RAISE EXCEPTION USING
                    ERRCODE = 'RF004',
                    MESSAGE = format('command %s was recorded with another body', command_id),
                    DETAIL = jsonb_build_object('code', 'command_id_conflict', 'command_id', command_id),
                    HINT = 'give another command its own command_id';
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
        RAISE EXCEPTION USING
            ERRCODE = 'RF002',
            MESSAGE = format('%s is at version %s, expected %s', names[conflict], versions[conflict], conflict_expected),
            DETAIL = jsonb_build_object('code', 'version_conflict', 'pointer', format('/%s/expected_version', conflict - 1),
                                        'stream_id', names[conflict], 'version', versions[conflict],
                                        'expected_version', conflict_expected),
            HINT = 'reload and retry';
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
            RAISE EXCEPTION USING
                ERRCODE = 'RF004',
                MESSAGE = format('command %s was recorded with another body', command_id),
                DETAIL = jsonb_build_object('code', 'command_id_conflict', 'command_id', command_id),
                HINT = 'give another command its own command_id';
        END IF;
    END IF;

    -- An idle worker holds this lock and sleeps; a busy one will look again by itself. NOTIFY in every append would cost a
    -- third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off` forgoes it.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off' AND NOT pg_try_advisory_xact_lock_shared(log_tag, 1) THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.append_events(text, uuid) IS
    'Appends events to one or several streams, all or nothing; safe to send again with the same event ids.';

-- Steps 3 and 4 of an append, for a transaction that has locked its streams: returns the last of so many positions, which are dense
-- and adjacent. No search_path of its own: it runs under its caller's.
CREATE FUNCTION runfold.allocate_positions(total integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    fence_tag constant integer := 'runfold.events_position'::regclass::oid::bigint::bit(32)::integer;
    log_tag constant integer := 'runfold.events'::regclass::oid::bigint::bit(32)::integer;
    issued bigint;
    fence bigint;
    last bigint;
BEGIN
    -- 3. The fence: a lower bound of the positions to come, held to the end of the transaction. A later append of the
    -- transaction takes the same key again, so that ten thousand appends hold one lock.
    issued := pg_sequence_last_value('runfold.events_position');
    IF issued IS NULL THEN
        SELECT q.last_value - 1 INTO issued FROM runfold.events_position q;
    END IF;
    fence := nullif(current_setting('runfold.fence', true), '')::bigint;
    IF fence IS NULL OR fence > issued THEN
        fence := set_config('runfold.fence', issued::text, true)::bigint;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(fence_tag, (fence & 4294967295)::bit(32)::integer);

    -- 4. The positions. The lock is taken in a subtransaction that is then rolled back: that frees it after microseconds, and so
    -- does whatever else ends the block, a cancellation at any moment, too. Sequences are not rolled back.
    BEGIN
        PERFORM pg_advisory_xact_lock(log_tag, 0);
        FOR i IN 1 .. total LOOP
            last := nextval('runfold.events_position');
        END LOOP;
        RAISE SQLSTATE 'RF000';
    EXCEPTION WHEN SQLSTATE 'RF000' THEN
        NULL;
    END;
    -- The session remembers the end of the log: partitions are only added.
    IF last >= coalesce(nullif(current_setting('runfold.log_end', true), ''), '0')::bigint
       AND last >= set_config('runfold.log_end', runfold.log_end()::text, false)::bigint THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF007',
            MESSAGE = format('the log has no partition for position %s', last),
            DETAIL = jsonb_build_object('code', 'log_full', 'position', last),
            HINT = 'run a worker, or SELECT runfold.ensure_partitions()';
    END IF;
    RETURN last;
END
$$;
COMMENT ON FUNCTION runfold.allocate_positions(integer) IS
    'Takes the fence and the next positions; for functions that have locked their streams.';

-- What makes two calls the same command: streams, types and bodies; event ids and clocks may differ.
CREATE FUNCTION runfold.command_digest(call jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_agg(jsonb_build_array(
               a.append -> 'stream_id', e.event -> 'type', coalesce(e.event -> 'schema_version', '1'),
               e.event -> 'data', e.event -> 'payload') ORDER BY a.n, e.n)::text, 'UTF8'))
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
           jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
$$;

-- The original result of a call whose event ids are all stored with the same types and bodies, in the same streams and
-- order; anything else is refused.
CREATE FUNCTION runfold.recorded_appends(call jsonb, some_are_new boolean)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- The planner can not know how few rows a call holds, and would read the whole log instead of looking each event up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    differing record;
BEGIN
    SELECT a.n AS append, x.n AS event, x.e ->> 'event_id' AS event_id, s.event_id IS NOT NULL AS stored
      INTO differing
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
      LEFT JOIN runfold.event_ids i ON i.event_id = (x.e ->> 'event_id')::uuid
      LEFT JOIN runfold.event_ids f ON f.event_id = (a.append #>> '{events,0,event_id}')::uuid
      LEFT JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      LEFT JOIN runfold.events s
        ON s.stream_id = t.stream_id AND s.stream_version = i.stream_version AND s.event_id = i.event_id
       AND s.position BETWEEN t.first_position AND t.last_position
     WHERE some_are_new
        OR s.event_id IS NULL OR s.stream_version <> f.stream_version + x.n - 1
        OR s.type <> x.e ->> 'type' OR s.schema_version <> coalesce((x.e ->> 'schema_version')::integer, 1)
        OR s.data::text IS DISTINCT FROM nullif(x.e -> 'data', 'null')::text
        OR s.payload IS DISTINCT FROM decode(x.e ->> 'payload', 'base64')
     ORDER BY (s.event_id IS NULL) DESC, a.n, x.n LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF004',
            MESSAGE = CASE WHEN some_are_new THEN 'some event ids of this call are stored already, others are new'
                           ELSE format('event %s is stored already with another body, place or stream', differing.event_id) END,
            DETAIL = jsonb_build_object(
                'code', CASE WHEN some_are_new THEN 'event_ids_mixed' ELSE 'event_id_conflict' END,
                'pointer', format('/%s/events/%s/event_id', differing.append - 1, differing.event - 1),
                'found', differing.event_id),
            HINT = 'send a call again exactly as it was, and give new events new ids';
    END IF;
    -- An append's positions and versions are adjacent: its first event tells where it ended.
    RETURN QUERY
    SELECT f.stream_id, f.stream_version + s.size - 1, f.position, f.position + s.size - 1
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL (SELECT jsonb_array_length(a.append -> 'events') AS size) AS s
      JOIN runfold.event_ids i ON i.event_id = (a.append #>> '{events,0,event_id}')::uuid
      JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      JOIN runfold.events f
        ON f.stream_id = t.stream_id AND f.stream_version = i.stream_version
       AND f.position BETWEEN t.first_position AND t.last_position
     ORDER BY a.n;
END
$$;

-- The webhook paths that a deployment stream's triggers ever had, and which of them are active after these events, too: those of
-- the triggers whose last event is their activation, by what was registered last, since the last removal.
CREATE FUNCTION runfold.webhooks_after(stream_id text, events jsonb) RETURNS TABLE (path text, active boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.stream_version AS n, e.type, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = $1
        UNION ALL
        SELECT 9000000000000000000 + x.n, x.e ->> 'type',
               runfold.upcast(x.e ->> 'type', coalesce((x.e ->> 'schema_version')::integer, 1), x.e -> 'data')
          FROM jsonb_array_elements($2) WITH ORDINALITY AS x (e, n)
    ), marked AS (
        SELECT h.n, h.type, h.data, h.data ->> 'trigger' COLLATE "C" AS name,
               max(h.n) FILTER (WHERE h.type = 'WorkflowDeleted') OVER () AS deleted,
               max(h.n) FILTER (WHERE h.type = 'TriggerRemoved') OVER (PARTITION BY h.data ->> 'trigger' COLLATE "C") AS removed
          FROM happened h
         WHERE h.type LIKE 'Trigger%' OR h.type = 'WorkflowDeleted'
    ), standing AS (
        SELECT (array_agg(m.data ORDER BY m.n DESC) FILTER (WHERE m.type = 'TriggerRegistered'))[1] AS registered,
               (array_agg(m.type ORDER BY m.n DESC))[1] AS last
          FROM marked m
         WHERE m.name IS NOT NULL AND m.n > coalesce(greatest(m.deleted, m.removed), 0)
         GROUP BY m.name
    )
    SELECT p.path, EXISTS (SELECT FROM standing s
                            WHERE s.last = 'TriggerActivated' AND s.registered ->> 'trigger_subtype' = 'WEBHOOK'
                              AND s.registered ->> 'index_key' = p.path)
      FROM (SELECT DISTINCT m.data ->> 'index_key' COLLATE "C" AS path
              FROM marked m
             WHERE m.type = 'TriggerRegistered' AND m.data ->> 'trigger_subtype' = 'WEBHOOK') AS p
$$;

-- Releases first, then claims, in one order for everybody. A claim that the stream holds already is held. The active webhook
-- paths of workflows are claims whether the caller says so or not: two workflows never answer one path.
CREATE FUNCTION runfold.take_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    webhooks jsonb;
    wanted record;
    holder text;
BEGIN
    SELECT coalesce(jsonb_agg(jsonb_build_object('stream_id', a.append -> 'stream_id', 'append', a.n, 'path', w.path,
                                                 'active', w.active)), '[]')
      INTO webhooks
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL runfold.webhooks_after(a.append ->> 'stream_id', a.append -> 'events') AS w
     WHERE starts_with(a.append ->> 'stream_id', 'deployment-')
       AND a.append @? '$.events[*].type ? (@ starts with "Trigger" || @ == "WorkflowDeleted")';
    DELETE FROM runfold.claims c
     USING jsonb_to_recordset(webhooks) AS w (stream_id text, path text, active boolean)
     WHERE NOT w.active AND c.kind = 'webhook' AND c.key = w.path AND c.stream_id = w.stream_id;
    DELETE FROM runfold.claims c
     USING jsonb_array_elements(call) AS a (append), jsonb_array_elements(nullif(a.append -> 'releases', 'null')) AS r (pair)
     WHERE c.kind = r.pair ->> 0 AND c.key = r.pair ->> 1 AND c.stream_id = a.append ->> 'stream_id';
    FOR wanted IN
        SELECT *
          FROM (SELECT a.append ->> 'stream_id' AS stream_id, c.pair ->> 0 AS kind, c.pair ->> 1 AS key,
                       format('/%s/claims/%s', a.n - 1, c.n - 1) AS pointer
                  FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
                       jsonb_array_elements(nullif(a.append -> 'claims', 'null')) WITH ORDINALITY AS c (pair, n)
                UNION ALL
                SELECT w.stream_id, 'webhook', w.path, format('/%s/events', w.append - 1)
                  FROM jsonb_to_recordset(webhooks) AS w (stream_id text, append bigint, path text, active boolean)
                 WHERE w.active) AS c
         ORDER BY c.kind COLLATE "C", c.key COLLATE "C"
    LOOP
        INSERT INTO runfold.claims (kind, key, stream_id, claimed_at)
        VALUES (wanted.kind, wanted.key, wanted.stream_id, clock_timestamp()) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT c.stream_id INTO holder FROM runfold.claims c WHERE c.kind = wanted.kind AND c.key = wanted.key;
            IF holder IS DISTINCT FROM wanted.stream_id THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'RF005',
                    MESSAGE = format('the claim %s %s is taken', wanted.kind, wanted.key),
                    DETAIL = jsonb_build_object('code', 'claim_taken', 'kind', wanted.kind, 'key', wanted.key,
                                                'pointer', wanted.pointer),
                    HINT = 'release it in its own stream first, or choose another key';
            END IF;
        END IF;
    END LOOP;
END
$$;

-- A node of an execution has one open pause: it is claimed by PauseOpened, and released by what closes the pause or ends the
-- execution. The claim names its pause, because what closes it names that and not the node.
CREATE FUNCTION runfold.take_pause_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    holder text;
BEGIN
    FOR happened IN
        SELECT a.append ->> 'stream_id' AS stream_id, e.event ->> 'type' AS type, e.event #>> '{data,pause}' AS pause,
               (a.append ->> 'stream_id') || '/' || (e.event #>> '{data,paused_node_id}') AS key,
               format('/%s/events/%s/data/paused_node_id', a.n - 1, e.n - 1) AS pointer
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE starts_with(a.append ->> 'stream_id', 'execution-')
         ORDER BY a.n, e.n
    LOOP
        IF happened.type = 'PauseOpened' THEN
            INSERT INTO runfold.claims (kind, key, stream_id, claimed_at, name)
            VALUES ('pause', happened.key, happened.stream_id, clock_timestamp(), happened.pause) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT c.name INTO holder FROM runfold.claims c WHERE c.kind = 'pause' AND c.key = happened.key;
                IF holder <> happened.pause THEN
                    RAISE EXCEPTION USING
                        ERRCODE = 'RF005',
                        MESSAGE = format('the node is paused already, by %s', holder),
                        DETAIL = jsonb_build_object('code', 'claim_taken', 'kind', 'pause', 'key', happened.key,
                                                    'pointer', happened.pointer, 'found', holder),
                        HINT = 'close that pause first';
                END IF;
            END IF;
        ELSIF happened.type IN ('PauseResumed', 'PauseTimedOut', 'PauseCanceled') THEN
            DELETE FROM runfold.claims c
             WHERE c.kind = 'pause' AND c.stream_id = happened.stream_id AND c.name = happened.pause;
        ELSIF happened.type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut',
                                'ExecutionDeclaredLost') THEN
            DELETE FROM runfold.claims c WHERE c.kind = 'pause' AND c.stream_id = happened.stream_id;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.take_pause_claims(jsonb) IS 'Claims the nodes that a call pauses, and releases those it does not any more.';

REVOKE ALL ON FUNCTION runfold.append_events(text, uuid), runfold.allocate_positions(integer), runfold.command_digest(jsonb),
    runfold.recorded_appends(jsonb, boolean), runfold.webhooks_after(text, jsonb), runfold.take_claims(jsonb),
    runfold.take_pause_claims(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_events(text, uuid) TO runfold_engine, runfold_operator, service_role;

-- The log to read: after a position, never past the safe head, upcast.
CREATE FUNCTION runfold.read_all(after bigint DEFAULT 0, max_count integer DEFAULT 1000, types text[] DEFAULT NULL)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := runfold.safe_head();
    issued bigint;
BEGIN
    -- Ahead of the head may be who read it before an open append held it back; ahead of every position that was issued is who
    -- read another log. A replica may be behind.
    IF after > head AND NOT pg_is_in_recovery() THEN
        SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
        IF after > issued THEN
            RAISE EXCEPTION USING
                ERRCODE = 'RF016',
                MESSAGE = format('position %s lies ahead of the log, which ends at %s', after, issued),
                DETAIL = jsonb_build_object('code', 'checkpoint_ahead', 'position', after, 'head', issued)::text,
                HINT = 'was an older log restored? read from a position that it holds, or what is appended up to there is passed by';
        END IF;
    END IF;
    RETURN QUERY
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.events e
     WHERE e.position > after AND e.position <= head AND (types IS NULL OR e.type = ANY (types))
     ORDER BY e.position
     LIMIT max_count;
END
$$;
COMMENT ON FUNCTION runfold.read_all(bigint, integer, text[]) IS 'Events after a position, in order, never past the safe head. A position that was never issued is refused.';

-- A stream's committed events after a version, upcast; the stream's row bounds the partitions to look at.
CREATE FUNCTION runfold.read_stream(stream text, after bigint DEFAULT 0, max_count integer DEFAULT NULL)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.streams s
      JOIN runfold.events e
        ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     WHERE s.stream_id = $1 AND e.stream_version > $2
     ORDER BY e.stream_version
     LIMIT $3
$$;
COMMENT ON FUNCTION runfold.read_stream(text, bigint, integer) IS 'Events of a stream after a version, in order.';
REVOKE ALL ON FUNCTION runfold.read_all(bigint, integer, text[]), runfold.read_stream(text, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.read_all(bigint, integer, text[]), runfold.read_stream(text, bigint, integer)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;

COMMENT ON FUNCTION runfold.command_digest(jsonb) IS 'What makes two calls the same command.';
COMMENT ON FUNCTION runfold.recorded_appends(jsonb, boolean) IS 'The original result of a call that was recorded before.';
COMMENT ON FUNCTION runfold.take_claims(jsonb) IS 'Releases and takes the claims of a call.';
COMMENT ON FUNCTION runfold.webhooks_after(text, jsonb) IS 'The webhook paths that a deployment stream holds after its events.';

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000600';

-- migrate:down
