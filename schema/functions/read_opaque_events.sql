-- An application's opaque events after a position, in order, never past the safe head. What is archived is refused.
--
-- grant: engine, operator, reader, service_role
CREATE FUNCTION runfold.read_opaque_events(
    category text, after bigint, stop bigint DEFAULT NULL, types text[] DEFAULT NULL, max_count integer DEFAULT 1000
) RETURNS TABLE ("position" bigint, name text, stream_version bigint, type text, payload bytea)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := least(runfold.safe_head(), stop);
BEGIN
    PERFORM runfold.require_log_after(after, categories => ARRAY[read_opaque_events.category]);
    RETURN QUERY
    SELECT e.position, runfold.stream_name(e.stream_id), e.stream_version, e.type, e.payload
      FROM runfold.events e
     WHERE e.category = read_opaque_events.category AND e.position > after AND e.position <= head AND e.payload IS NOT NULL
       AND (types IS NULL OR e.type = ANY (types))
     ORDER BY e.position
     LIMIT max_count;
END
$$;
