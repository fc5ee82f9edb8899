-- Puts the events in runfold.restored_events back into the log, where they were: their streams are archived no longer.
--
-- They are all events of their streams that left, and exactly those: the digests are compared with what was noted when they left, so
-- nothing else ever comes into the log this way. Returns how many streams and events came back.
--
-- grant: operator
CREATE FUNCTION runfold.land_restored(OUT streams bigint, OUT events bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    differing text;
    taken record;
BEGIN
    PERFORM FROM runfold.streams s WHERE s.stream_id IN (SELECT r.stream_id FROM runfold.restored_events r)
      ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE;
    -- A file may also hold what was appended to a stream after it had left: that is in the log.
    DELETE FROM runfold.restored_events r USING runfold.streams s WHERE s.stream_id = r.stream_id AND r.stream_version > s.archived_version;
    ANALYZE runfold.restored_events;
    SELECT d.stream_id INTO differing
      FROM (SELECT x.stream_id, sha256(string_agg(x.leaf, '' ORDER BY x.stream_version)) AS digest
              FROM (SELECT r.stream_id, r.stream_version,
                           runfold.event_leaf(r.position, r.append_end, r.stream_id, r.stream_version, r.event_id, r.type,
                                              r.schema_version, r.user_id, r.data, r.payload, r.metadata, r.occurred_at, r.recorded_at) AS leaf
                      FROM runfold.restored_events r) AS x
             GROUP BY x.stream_id) AS d
      LEFT JOIN runfold.streams s ON s.stream_id = d.stream_id
     WHERE d.digest IS DISTINCT FROM s.archived_digest
     LIMIT 1;
    IF differing IS NOT NULL THEN
        PERFORM runfold.refuse('archive_differs', jsonb_build_object('stream_id', differing));
    END IF;
    SELECT r.event_id, r.stream_id INTO taken FROM runfold.restored_events r
      JOIN runfold.event_ids i ON i.event_id = r.event_id LIMIT 1;
    IF taken.event_id IS NOT NULL THEN
        PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('found', taken.event_id, 'stream_id', taken.stream_id));
    END IF;
    INSERT INTO runfold.event_ids (event_id, stream_version) SELECT r.event_id, r.stream_version FROM runfold.restored_events r;
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id,
                                data, payload, metadata, occurred_at, recorded_at)
    SELECT r.position, r.append_end, r.stream_id, r.stream_version, r.event_id, r.category, r.type, r.schema_version, r.user_id,
           r.data, r.payload, r.metadata, r.occurred_at, r.recorded_at
      FROM runfold.restored_events r ORDER BY r.position;
    GET DIAGNOSTICS events = ROW_COUNT;
    UPDATE runfold.archives a
       SET left_events = a.left_events - c.events, left_streams = a.left_streams - c.streams,
           state = CASE WHEN a.left_events = c.events THEN 'restored' ELSE 'archived' END
      FROM (SELECT a.from_position, count(*) AS events, count(DISTINCT r.stream_id) AS streams
              FROM runfold.restored_events r JOIN runfold.archives a ON r.position BETWEEN a.from_position AND a.to_position
             GROUP BY a.from_position) AS c
     WHERE c.from_position = a.from_position;
    UPDATE runfold.streams s SET archived_at = NULL, archived_version = NULL, archived_digest = NULL
     WHERE s.stream_id IN (SELECT r.stream_id FROM runfold.restored_events r);
    GET DIAGNOSTICS streams = ROW_COUNT;
    DELETE FROM runfold.restored_events;
END
$$;
