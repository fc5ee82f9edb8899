-- Appends opaque events of an application to one or several streams, all or nothing; safe to send
-- again with the same event ids.
--
-- The order given is kept. Each stream's events are adjacent in version, from first_versions on; a
-- stream may begin at any version, at 0 for instance. With a tracker, its tracking is recorded too.
--
--   names           of the streams, without their category, each once
--   first_versions  of each stream
--   numbers         of each event: the place of its stream in names, from 1
--   types           each once
--   type_numbers    of each event: the place of its type in types, from 1
--
-- Returns the first position (the others follow it; null without events), and whether the call was
-- recorded before. The steps are those of append_events.
--
-- grant: engine, operator, service_role
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
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'stream_id', stream_ids[conflict], 'version', conflict_version,
            'expected_version', first_versions[conflict] - 1));
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
