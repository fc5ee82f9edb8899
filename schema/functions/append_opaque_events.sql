-- Appends opaque events of an application to one or several streams, all or nothing; safe to send
-- again with the same event ids.
--
-- The order given is kept. Each stream's events are adjacent in version, from first_versions on; a
-- stream may begin at any version, at 0 for instance. With a tracker, its tracking is recorded too. With a
-- user_id the streams are that tenant's; without one, an existing stream's tenant counts.
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
    call_id uuid DEFAULT NULL, user_id uuid DEFAULT NULL, OUT first_position bigint, OUT repeated boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    total constant integer := cardinality(numbers);
    count constant integer := cardinality(names);
    lock_order integer[] := '{1}';
    stream_ids text[];
    expected_versions bigint[];
    begins_at bigint[];      -- the versions of streams before their first event
    skipping constant boolean := false;  -- see lock_streams
    tenants uuid[] := array_fill(user_id, ARRAY[coalesce(count, 0)]);  -- of the call, then of each stream
    heads bigint[];          -- of each stream before this call
    event_versions bigint[];
    next_versions bigint[] := first_versions;
    first_offsets integer[];
    last_offsets integer[];
    i integer;
    n integer;
    expected bigint;
    locked record;
    conflict integer;        -- the first stream whose version does not match
    base bigint;             -- the last position before this call's first
BEGIN
    IF total = 0 AND tracker IS NOT NULL THEN
        repeated := runfold.record_tracking(tracker, application_name, notification_id, call_id);
        RETURN;
    END IF;
    repeated := false;
    PERFORM runfold.require_opaque_events(category, names, first_versions, numbers, types, type_numbers, payloads, event_ids);
    IF occurred_at NOT BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00' THEN
        PERFORM runfold.raise_fault('out_of_range', '/occurred_at', '["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]',
                                    to_jsonb(occurred_at));
    END IF;
    IF count = 1 THEN
        stream_ids := ARRAY[runfold.stream_id(category, names[1])];
        expected_versions := ARRAY[first_versions[1] - 1];
        event_versions := ARRAY(SELECT generate_series(first_versions[1], first_versions[1] + total - 1));
        next_versions[1] := first_versions[1] + total;
        first_offsets := '{1}';
        last_offsets := ARRAY[total];
    ELSE
        FOR i IN 1 .. total LOOP
            n := numbers[i];
            event_versions[i] := next_versions[n];
            next_versions[n] := next_versions[n] + 1;
            IF first_offsets[n] IS NULL THEN
                first_offsets[n] := i;
            END IF;
            last_offsets[n] := i;
        END LOOP;
        FOR i IN 1 .. count LOOP
            stream_ids[i] := runfold.stream_id(category, names[i]);
            expected_versions[i] := first_versions[i] - 1;
        END LOOP;
        lock_order := ARRAY(SELECT s.n FROM unnest(stream_ids) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    begins_at := expected_versions;

    -- step: lock_streams

    -- A repeat, or a conflict?
    IF conflict IS NOT NULL THEN
        first_position := runfold.recorded_opaque_events(stream_ids, event_versions, numbers, types, type_numbers, payloads, event_ids);
        IF first_position IS NOT NULL THEN
            repeated := true;
            RETURN;
        END IF;
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'stream_id', stream_ids[conflict], 'version', heads[conflict],
            'expected_version', expected_versions[conflict]));
    END IF;

    -- What may wait for others: the tracker's row, the event ids.
    IF tracker IS NOT NULL THEN
        PERFORM runfold.record_tracking(tracker, application_name, notification_id, call_id);
    END IF;
    INSERT INTO runfold.event_ids (event_id, stream_version)
    SELECT e.id, e.version FROM unnest(event_ids, event_versions) AS e (id, version);

    -- The fence, and the positions behind it.
    base := runfold.allocate_positions(total) - total;

    -- As in append_events: looked up behind the fence, in a statement of its own.
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants)) THEN
        PERFORM runfold.refuse_erased(tenants, stream_ids);
    END IF;

    -- The events, and the streams' rows.
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id,
                                payload, metadata, occurred_at, recorded_at)
    SELECT base + e.n, base + total, stream_ids[e.number], e.version, e.id, category, types[e.type_number], 1, tenants[e.number],
           e.payload, '{}',
           occurred_at, clock_timestamp()
      FROM unnest(numbers, event_versions, event_ids, type_numbers, payloads) WITH ORDINALITY
           AS e (number, version, id, type_number, payload, n);
    FOR i IN 1 .. count LOOP
        UPDATE runfold.streams s
           SET version = next_versions[i] - 1, first_position = coalesce(s.first_position, base + first_offsets[i]),
               last_position = base + last_offsets[i]
         WHERE s.stream_id = stream_ids[i];
    END LOOP;

    -- step: wake

    first_position := base + 1;
END
$$;
