-- Events after a position, in order, never past the safe head. A position that was never issued is
-- refused.
--
-- Each event is upcast.
--
-- grant: engine, projector, operator, reader, service_role
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
            PERFORM runfold.refuse('checkpoint_ahead', jsonb_build_object('position', after, 'head', issued));
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
