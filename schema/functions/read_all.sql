-- Events after a position, in order, never past the safe head. A position that was never issued is
-- refused.
--
-- Each event is upcast. The events may be limited to some types, streams and categories.
--
--   after_event_id  the id of the event at `after`: another one there, or none, is refused, because the log is another one than
--                   was read before, as after a restore
--   bookmark        true: look at a part of the log at most, and say how far: behind the events comes a row without stream_id and
--                   type, with the position and event_id of the last event of any type that was looked past (those given where
--                   there was none), unless max_count events came before it. Its metadata has `at_end`, whether the look reached
--                   the safe head, and `settled`, whether that was the last position that had been handed out
--   archived        'skip': leave out what is archived behind `after`; else that is refused
--
-- Without `bookmark`, a rare type is looked for in all of the log behind `after`, at each call.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.read_all(
    after bigint DEFAULT 0, max_count integer DEFAULT 1000, types text[] DEFAULT NULL, streams text[] DEFAULT NULL,
    categories text[] DEFAULT NULL, after_event_id uuid DEFAULT NULL, bookmark boolean DEFAULT false,
    archived text DEFAULT NULL
)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span constant bigint := 10000;  -- the positions of one look
    issued bigint;
    head bigint;
    bound bigint;                   -- this look ends there
    last record;
    found_count bigint;
BEGIN
    IF NOT pg_is_in_recovery() THEN
        SELECT q.last_value - (NOT q.is_called)::integer INTO issued FROM runfold.events_position q;
    END IF;
    head := runfold.safe_head();
    -- Ahead of the head may be who read it before an open append held it back; ahead of every position that was issued is who
    -- read another log. A replica may be behind.
    IF after > head AND issued IS NOT NULL THEN
        SELECT q.last_value - (NOT q.is_called)::integer INTO issued FROM runfold.events_position q;
        IF after > issued THEN
            PERFORM runfold.refuse(CASE WHEN after_event_id IS NULL THEN 'checkpoint_ahead' ELSE 'log_differs' END,
                                   jsonb_build_object('position', after, 'head', issued, 'event_id', after_event_id));
        END IF;
    END IF;
    IF after_event_id IS NOT NULL AND (issued IS NOT NULL OR after <= head) THEN
        SELECT e.event_id INTO last FROM runfold.events e WHERE e.position = after;
        -- In a segment that is archived the log it was read from is the one that was archived.
        IF last.event_id IS DISTINCT FROM after_event_id AND NOT (last.event_id IS NULL AND EXISTS (
            SELECT FROM runfold.archives a WHERE a.state = 'archived' AND after BETWEEN a.from_position AND a.to_position)) THEN
            PERFORM runfold.refuse('log_differs', jsonb_build_object(
                'position', after, 'head', head, 'event_id', after_event_id, 'found', last.event_id));
        END IF;
    END IF;
    IF archived IS DISTINCT FROM 'skip' THEN
        PERFORM runfold.require_log_after(after, streams, categories);
    END IF;

    bound := head;
    IF bookmark AND streams IS NULL AND (types IS NOT NULL OR categories IS NOT NULL) THEN
        -- Positions may have long holes: a look without any event would never come past one.
        bound := least(head, after + span);
        IF bound < head AND NOT EXISTS (SELECT FROM runfold.events e WHERE e.position > after AND e.position <= bound) THEN
            bound := least(head, span + coalesce((SELECT e.position FROM runfold.events e
                                                   WHERE e.position > bound AND e.position <= head
                                                   ORDER BY e.position LIMIT 1), head));
        END IF;
    END IF;
    IF streams IS NULL THEN
        RETURN QUERY
        SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
               runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
          FROM runfold.events e
         WHERE e.position > after AND e.position <= bound AND (types IS NULL OR e.type = ANY (types))
           AND (categories IS NULL OR e.category = ANY (categories))
         ORDER BY e.position
         LIMIT max_count;
    ELSE
        -- Each stream by its index, from the first event behind `after` on.
        RETURN QUERY
        SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
               runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
          FROM (SELECT DISTINCT x FROM unnest(streams) AS x) AS asked (stream)
          JOIN runfold.streams s ON s.stream_id = asked.stream AND s.last_position > after
         CROSS JOIN LATERAL (
             SELECT v.*
               FROM runfold.events v
              WHERE v.stream_id = s.stream_id AND v.stream_version >= runfold.version_after(s.stream_id, after)
                AND v.position > after AND v.position <= least(bound, s.last_position)
                AND (types IS NULL OR v.type = ANY (types)) AND (categories IS NULL OR v.category = ANY (categories))
              ORDER BY v.stream_version
              LIMIT max_count) AS e
         ORDER BY e.position
         LIMIT max_count;
    END IF;
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF NOT bookmark OR found_count >= max_count THEN
        RETURN;  -- the last event is the bookmark
    END IF;
    SELECT e.position, e.event_id INTO last
      FROM runfold.events e
     WHERE e.position > after AND e.position <= bound
     ORDER BY e.position DESC
     LIMIT 1;
    position := coalesce(last.position, after);
    event_id := CASE WHEN last.position IS NULL THEN after_event_id ELSE last.event_id END;
    metadata := jsonb_build_object('at_end', bound >= head, 'settled', bound >= head AND head >= issued);
    RETURN NEXT;
END
$$;
