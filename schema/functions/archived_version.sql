-- The version up to which a stream is archived; 0: its events are in the log.
--
-- Who shows a row with some of its history reads the stream behind this.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.archived_version(stream text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.archived_version FROM runfold.streams s WHERE s.stream_id = $1), 0)
$$;
