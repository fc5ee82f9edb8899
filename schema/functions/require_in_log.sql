-- True, or refuses with `stream_archived`: if events of a stream after a version are in the archive, and not in the log.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.require_in_log(stream text, after bigint DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = stream AND s.archived_version > coalesce(after, -1)) THEN
        PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(stream));
    END IF;
    RETURN true;
END
$$;
