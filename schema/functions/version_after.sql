-- The version of a stream's first event after a position; null if none of its events is.
--
-- Versions of a stream are dense and grow with positions, so halving finds it in a few looks at an
-- index, however long the stream is. Of an archived stream those that came later are dense.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.version_after(stream text, after bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.streams;
    low bigint;
    high bigint;
    middle bigint;
BEGIN
    SELECT * INTO s FROM runfold.streams x WHERE x.stream_id = stream;
    IF s.last_position IS NULL OR s.last_position <= after THEN
        RETURN NULL;
    END IF;
    SELECT e.stream_version INTO low
      FROM runfold.events e
     WHERE e.stream_id = stream AND e.position BETWEEN s.first_position AND s.last_position
       AND e.stream_version > coalesce(s.archived_version, -1)
     ORDER BY e.stream_version
     LIMIT 1;
    high := s.version;
    WHILE low < high LOOP
        middle := (low + high) / 2;
        IF after < (SELECT e.position FROM runfold.events e
                     WHERE e.stream_id = stream AND e.stream_version = middle
                       AND e.position BETWEEN s.first_position AND s.last_position) THEN
            high := middle;
        ELSE
            low := middle + 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
