-- Lock the streams: their rows, in one order for everybody, so that two calls cannot deadlock.
-- A stream that is expected to be new is inserted first, another one is looked for first: mostly one statement suffices.
FOREACH i IN ARRAY lock_order LOOP
    expected := expected_versions[i];
    locked := NULL;
    IF expected IS NULL OR expected > 0 THEN
        SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
    END IF;
    IF locked IS NULL THEN
        INSERT INTO runfold.streams AS s (stream_id, user_id, version)
        VALUES (stream_ids[i], tenants[i], coalesce(begins_at[i], 0))
            ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version, s.user_id, s.archived_at INTO locked;
    END IF;
    IF locked IS NULL THEN
        SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
    END IF;
    IF tenants[i] IS DISTINCT FROM locked.user_id THEN
        IF tenants[i] IS NOT NULL THEN
            PERFORM runfold.refuse('stream_unavailable', jsonb_build_object(
                'pointer', format('/%s/user_id', i - 1), 'stream_id', stream_ids[i]));
        END IF;
        tenants[i] := locked.user_id;
    END IF;
    -- Its event ids are gone: what comes without the right version, or again, may be stored already.
    IF locked.archived_at IS NOT NULL AND i <= count AND (expected IS NULL OR skipping) THEN
        PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(stream_ids[i])
                               || jsonb_build_object('pointer', format('/%s/stream_id', i - 1)));
    END IF;
    heads[i] := locked.version;
    IF expected <> locked.version AND (conflict IS NULL OR i < conflict) THEN
        conflict := i;
    END IF;
END LOOP;
