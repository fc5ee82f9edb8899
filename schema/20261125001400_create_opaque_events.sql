-- migrate:up

-- What applications of the eventsourcing library stand on: events whose bytes only their writer understands, in the same log and
-- the same order as everything else; snapshots and positions of what they follow beside it. Why: docs/decisions/013-eventsourcing.md.

CREATE TABLE runfold.applications (
    category text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE runfold.applications IS
    'The applications that write opaque events, one a category; its oid is the tag of the locks that their idle subscribers hold.';

CREATE TABLE runfold.snapshots (
    category text COLLATE "C" NOT NULL,
    originator_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (category, originator_id, version)
);
COMMENT ON TABLE runfold.snapshots IS
    'Aggregates as they stood at a version, to shorten their reading. May be deleted at any time: the log is the truth.';
COMMENT ON COLUMN runfold.snapshots.call_id IS 'The call that recorded it: sent again, it is no conflict.';

CREATE TABLE runfold.tracking (
    tracker text COLLATE "C" NOT NULL,
    application_name text COLLATE "C" NOT NULL,
    notification_id bigint NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (tracker, application_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE runfold.tracking IS 'How far a tracker (a projection or a process) has followed the notifications of an application.';
COMMENT ON COLUMN runfold.tracking.call_id IS 'The call that recorded it: sent again, it is no conflict.';

-- Opaque events are read by category; vocabulary events, which carry data, do not pay for this index.
CREATE INDEX idx_events_opaque ON runfold.events (category, position) WHERE payload IS NOT NULL;

-- Registers an application and opens its category to any type of opaque event. A category belongs to one application, whatever the
-- case of its name; the vocabulary's categories, and those that others registered, are refused.
CREATE FUNCTION runfold.register_application(category text, name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    holder text;
BEGIN
    SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
    IF NOT FOUND THEN
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(name), '/name');
        -- Refuses the vocabulary's categories, and waits for whoever registers this one at the moment.
        LOCK TABLE runfold.applications IN SHARE ROW EXCLUSIVE MODE;
        SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
        IF NOT FOUND THEN
            IF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = register_application.category AND NOT t.closed) THEN
                holder := category || ' (register_event_types)';
            ELSE
                PERFORM runfold.register_event_types(category, '{*}', 1, true);
                INSERT INTO runfold.applications (category, name) VALUES (category, name);
                RETURN;
            END IF;
        END IF;
    END IF;
    IF lower(holder) <> lower(name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF015',
            MESSAGE = format('the category %s belongs to %s already', category, holder),
            DETAIL = jsonb_build_object('code', 'category_taken', 'category', category, 'holder', holder),
            HINT = 'give the application another name';
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.register_application(text, text) IS
    'Gives an application the category of its opaque events; a category has one application.';

-- Records that a tracker has followed an application up to a notification. It moves forward only. The same call may be sent again: then
-- it returns true.
CREATE FUNCTION runfold.record_tracking(tracker text, application_name text, notification_id bigint, call_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.tracking t SET notification_id = record_tracking.notification_id, call_id = record_tracking.call_id
     WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
       AND t.notification_id < record_tracking.notification_id;
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.tracking AS t (tracker, application_name, notification_id, call_id)
    VALUES (tracker, application_name, notification_id, call_id)
        ON CONFLICT ON CONSTRAINT tracking_pkey DO UPDATE
        SET notification_id = excluded.notification_id, call_id = excluded.call_id
      WHERE t.notification_id < excluded.notification_id;
    IF FOUND THEN
        RETURN false;
    ELSIF EXISTS (SELECT FROM runfold.tracking t
                   WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
                     AND t.notification_id = record_tracking.notification_id AND t.call_id = record_tracking.call_id) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'RF014',
        MESSAGE = format('%s has followed %s to notification %s or beyond', tracker, application_name, notification_id),
        DETAIL = jsonb_build_object('code', 'already_tracked', 'tracker', tracker, 'application_name', application_name,
                                    'notification_id', notification_id),
        HINT = 'another process did this already: go on from its max_tracking_id';
END
$$;
COMMENT ON FUNCTION runfold.record_tracking(text, text, bigint, uuid) IS
    'Records how far a tracker has followed an application; never backwards.';

-- Records snapshots, all or none; the same call may be sent again.
CREATE FUNCTION runfold.record_snapshots(
    category text, originator_ids text[], versions bigint[], topics text[], states bytea[], call_id uuid
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    recorded bigint;
BEGIN
    INSERT INTO runfold.snapshots AS s (category, originator_id, version, topic, state, call_id)
    -- One that is named twice is one row too few.
    SELECT DISTINCT ON (n.originator_id, n.version) category, n.originator_id, n.version, n.topic, n.state, call_id
      FROM unnest(originator_ids, versions, topics, states) AS n (originator_id, version, topic, state)
        ON CONFLICT ON CONSTRAINT snapshots_pkey DO UPDATE SET call_id = excluded.call_id WHERE s.call_id = excluded.call_id;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded < cardinality(versions) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RF002',
            MESSAGE = 'there is a snapshot of that version already',
            DETAIL = jsonb_build_object('code', 'snapshot_exists', 'category', category),
            HINT = 'use it, or delete it first';
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.record_snapshots(text, text[], bigint[], text[], bytea[], uuid) IS
    'Records snapshots of aggregates, all or none.';

-- Appends opaque events of one application, all or nothing, in the order given. Each stream's events are adjacent in version, from
-- first_versions on; a stream may begin at any version, at 0 for instance. With a tracker, records its tracking with them. Sent again
-- with the same event ids it changes nothing and returns its first result.
--
--   names           of the streams, without their category, each once
--   first_versions  of each stream
--   numbers         of each event: the place of its stream in names, from 1
--   types           each once
--   type_numbers    of each event: the place of its type in types, from 1
--
-- Returns the first position (the others follow it; null without events), and whether the call was recorded before. Steps as in append_events: the streams in one order for
-- everybody, then what may wait for others, then the fence.
CREATE FUNCTION runfold.append_opaque_events(
    category text, names text[], first_versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[],
    event_ids uuid[], occurred_at timestamptz, tracker text DEFAULT NULL, application_name text DEFAULT NULL, notification_id bigint DEFAULT NULL,
    call_id uuid DEFAULT NULL, OUT first_position bigint, OUT repeated boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    log_tag constant integer := 'runfold.events'::regclass::oid::bigint::bit(32)::integer;
    total constant integer := cardinality(numbers);
    count constant integer := cardinality(names);
    lock_order integer[] := '{1}';
    stream_ids text[];
    next_versions bigint[] := first_versions;
    first_offsets integer[];
    last_offsets integer[];
    versions bigint[];
    i integer;
    n integer;
    stood record;
    conflict integer;
    conflict_version bigint;
    base bigint;
BEGIN
    IF total = 0 AND tracker IS NOT NULL THEN
        repeated := runfold.record_tracking(tracker, application_name, notification_id, call_id);
        RETURN;
    END IF;
    repeated := false;
    PERFORM runfold.require_opaque_events(category, names, first_versions, numbers, types, type_numbers, payloads, event_ids);
    IF count = 1 THEN
        stream_ids := ARRAY[category || '-' || names[1]];
        versions := ARRAY(SELECT generate_series(first_versions[1], first_versions[1] + total - 1));
        next_versions[1] := first_versions[1] + total;
        first_offsets := '{1}';
        last_offsets := ARRAY[total];
    ELSE
        FOR i IN 1 .. total LOOP
            n := numbers[i];
            versions[i] := next_versions[n];
            next_versions[n] := next_versions[n] + 1;
            IF first_offsets[n] IS NULL THEN
                first_offsets[n] := i;
            END IF;
            last_offsets[n] := i;
        END LOOP;
        FOR i IN 1 .. count LOOP
            stream_ids[i] := category || '-' || names[i];
        END LOOP;
        lock_order := ARRAY(SELECT s.n FROM unnest(stream_ids) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    -- 1. The streams' rows.
    FOREACH i IN ARRAY lock_order LOOP
        stood := NULL;
        IF first_versions[i] > 1 THEN
            SELECT s.version INTO stood
              FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF stood IS NULL THEN
            INSERT INTO runfold.streams AS s (stream_id, version) VALUES (stream_ids[i], first_versions[i] - 1)
                ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version INTO stood;
        END IF;
        IF stood IS NULL THEN
            SELECT s.version INTO stood FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF stood.version <> first_versions[i] - 1 AND (conflict IS NULL OR i < conflict) THEN
            conflict := i;
            conflict_version := stood.version;
        END IF;
    END LOOP;
    IF conflict IS NOT NULL THEN
        first_position := runfold.recorded_opaque_events(stream_ids, versions, numbers, types, type_numbers, payloads, event_ids);
        IF first_position IS NOT NULL THEN
            repeated := true;
            RETURN;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'RF002',
            MESSAGE = format('%s is at version %s, expected %s', stream_ids[conflict], conflict_version, first_versions[conflict] - 1),
            DETAIL = jsonb_build_object('code', 'version_conflict', 'stream_id', stream_ids[conflict], 'version', conflict_version,
                                        'expected_version', first_versions[conflict] - 1),
            HINT = 'reload and retry';
    END IF;

    -- 2. What may wait for others: the tracker's row, the event ids.
    IF tracker IS NOT NULL THEN
        PERFORM runfold.record_tracking(tracker, application_name, notification_id, call_id);
    END IF;
    INSERT INTO runfold.event_ids (event_id, stream_version)
    SELECT e.id, e.version FROM unnest(event_ids, versions) AS e (id, version);

    -- 3. and 4. The fence, the positions.
    base := runfold.allocate_positions(total) - total;

    -- 5. Events, the streams' rows.
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                payload, metadata, occurred_at, recorded_at)
    SELECT base + e.n, base + total, stream_ids[e.number], e.version, e.id, category, types[e.type_number], 1, e.payload, '{}',
           occurred_at, clock_timestamp()
      FROM unnest(numbers, versions, event_ids, type_numbers, payloads) WITH ORDINALITY
           AS e (number, version, id, type_number, payload, n);
    FOR i IN 1 .. count LOOP
        UPDATE runfold.streams s
           SET version = next_versions[i] - 1, first_position = coalesce(s.first_position, base + first_offsets[i]),
               last_position = base + last_offsets[i]
         WHERE s.stream_id = stream_ids[i];
    END LOOP;

    -- An idle worker holds the first lock, as in append_events. An idle subscriber of the application holds the second one shared: many
    -- may, so we try it exclusively, for a moment. One that goes to sleep now sees our fence, and looks again.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
       AND (NOT pg_try_advisory_xact_lock_shared(log_tag, 1)
            OR NOT CASE WHEN pg_try_advisory_lock('runfold.applications'::regclass::oid::bigint::bit(32)::integer, hashtext(category))
                        THEN pg_advisory_unlock('runfold.applications'::regclass::oid::bigint::bit(32)::integer, hashtext(category))
                        ELSE false END) THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;
    first_position := base + 1;
END
$$;
COMMENT ON FUNCTION runfold.append_opaque_events(text, text[], bigint[], integer[], text[], integer[], bytea[], uuid[], timestamptz, text,
                                                 text, bigint, uuid) IS
    'Appends opaque events of an application to one or several streams, all or nothing; safe to send again with the same event ids.';

-- Raises the fault of a call of append_opaque_events, if it has one. No search_path of its own: it runs under its caller's.
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
    IF NOT EXISTS (SELECT FROM runfold.applications a WHERE a.category = require_opaque_events.category) THEN
        PERFORM runfold.raise_fault('unknown_category', '/category', NULL, to_jsonb(left(category, 100)));
    ELSIF coalesce(total, 0) = 0 THEN
        PERFORM runfold.raise_fault('empty_call', '');
    ELSIF total > 10000 THEN
        PERFORM runfold.raise_fault('too_many_events', '', '10000');
    ELSIF count > 1000 THEN
        PERFORM runfold.raise_fault('too_many_appends', '', '1000', to_jsonb(count));
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
        PERFORM runfold.raise_stream_id_fault(category || '-' || names[i], '/names');
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.require_opaque_events(text, text[], bigint[], integer[], text[], integer[], bytea[], uuid[]) IS
    'Raises the fault of a call of append_opaque_events, if it has one.';

-- The first position of a call that is recorded already, under these very event ids and with these bytes; null if it is not.
CREATE FUNCTION runfold.recorded_opaque_events(
    stream_ids text[], versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[], event_ids uuid[]
) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT CASE WHEN count(*) = cardinality($7) THEN min(e.position) END
      FROM unnest($3, $2, $5, $6, $7) AS c (number, version, type_number, payload, id)
      JOIN runfold.streams s ON s.stream_id = ($1)[c.number]
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.stream_version = c.version AND e.event_id = c.id
                           AND e.type = ($4)[c.type_number] AND e.payload = c.payload
                           AND e.position BETWEEN s.first_position AND s.last_position
$$;
COMMENT ON FUNCTION runfold.recorded_opaque_events(text[], bigint[], integer[], text[], integer[], bytea[], uuid[]) IS
    'The first position of a call of append_opaque_events that was recorded before.';

-- An application's events after a position, in order, never past the safe head.
CREATE FUNCTION runfold.read_opaque_events(
    category text, after bigint, stop bigint DEFAULT NULL, types text[] DEFAULT NULL, max_count integer DEFAULT 1000
) RETURNS TABLE ("position" bigint, name text, stream_version bigint, type text, payload bytea)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := least(runfold.safe_head(), stop);
BEGIN
    RETURN QUERY
    SELECT e.position, substr(e.stream_id, length(read_opaque_events.category) + 2), e.stream_version, e.type, e.payload
      FROM runfold.events e
     WHERE e.category = read_opaque_events.category AND e.position > after AND e.position <= head AND e.payload IS NOT NULL
       AND (types IS NULL OR e.type = ANY (types))
     ORDER BY e.position
     LIMIT max_count;
END
$$;
COMMENT ON FUNCTION runfold.read_opaque_events(text, bigint, bigint, text[], integer) IS
    'An application''s opaque events after a position, in order, never past the safe head.';

-- The position of an application's last event up to the safe head, null without one.
CREATE FUNCTION runfold.last_opaque_position(category text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := runfold.safe_head();
BEGIN
    RETURN (SELECT e.position
              FROM runfold.events e
             WHERE e.category = last_opaque_position.category AND e.position <= head AND e.payload IS NOT NULL
             ORDER BY e.position DESC
             LIMIT 1);
END
$$;
COMMENT ON FUNCTION runfold.last_opaque_position(text) IS 'The position of an application''s last event up to the safe head.';

DO $grants$
DECLARE
    f regprocedure;
    of_the_log constant text[] := '{allocate_positions,require_opaque_events,recorded_opaque_events}';
BEGIN
    FOR f IN SELECT p.oid FROM pg_proc p
              WHERE p.pronamespace = 'runfold'::regnamespace
                AND p.proname = ANY (of_the_log || '{register_application,record_tracking,record_snapshots,append_opaque_events,
                                                     read_opaque_events,last_opaque_position}'::text[]) LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        IF (SELECT p.proname <> ALL (of_the_log) FROM pg_proc p WHERE p.oid = f) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO runfold_engine, runfold_operator, service_role', f);
        END IF;
    END LOOP;
END
$grants$;
GRANT SELECT ON runfold.applications TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.snapshots, runfold.tracking TO runfold_engine, runfold_operator, service_role;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001400';

-- migrate:down
