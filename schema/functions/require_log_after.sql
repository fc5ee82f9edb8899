-- True, or refuses: if events after a position are in the archive, and not in the log.
--
-- `log_archived`; where some streams are asked for, `stream_archived` for the first of them that is. Where some categories are,
-- only what left of these counts.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.require_log_after(after bigint, streams text[] DEFAULT NULL, categories text[] DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    segment runfold.archives;
    archived text;
BEGIN
    SELECT a.* INTO segment FROM runfold.archives a WHERE a.state = 'archived' AND a.to_position > after ORDER BY a.from_position LIMIT 1;
    IF segment.file IS NULL THEN
        RETURN true;
    END IF;
    IF streams IS NOT NULL THEN
        SELECT s.stream_id INTO archived
          FROM runfold.streams s
         WHERE s.stream_id = ANY (streams) AND s.archived_at IS NOT NULL
           AND EXISTS (SELECT FROM runfold.archives a
                        WHERE a.state = 'archived' AND a.to_position > after
                          AND a.from_position <= s.last_position AND a.to_position >= s.first_position)
         ORDER BY s.stream_id LIMIT 1;
        IF archived IS NOT NULL THEN
            PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(archived));
        END IF;
    ELSIF categories IS NULL OR EXISTS (
        SELECT FROM unnest(categories) AS c (name)
         WHERE EXISTS (SELECT FROM runfold.streams s  -- those whose names begin with the category and a hyphen
                        WHERE s.stream_id >= (c.name || '-') COLLATE "C" AND s.stream_id < (c.name || '.') COLLATE "C"
                          AND s.archived_at IS NOT NULL)) THEN
        PERFORM runfold.refuse('log_archived', jsonb_build_object(
            'position', after, 'archived_head', runfold.archived_head(), 'file', segment.file));
    END IF;
    RETURN true;
END
$$;
