-- Events of a stream after a version, in order.
--
-- Committed and upcast. The stream's row bounds the partitions to look at. Events that are archived are refused, not left out.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.read_stream(stream text, after bigint DEFAULT 0, max_count integer DEFAULT NULL)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.refuse('stream_archived', runfold.archive_of_stream(s.stream_id))
      FROM runfold.streams s
     WHERE s.stream_id = $1 AND s.archived_version > $2;
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.streams s
      JOIN runfold.events e
        ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     WHERE s.stream_id = $1 AND e.stream_version > $2
     ORDER BY e.stream_version
     LIMIT $3
$$;
