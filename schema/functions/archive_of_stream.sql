-- What a refusal says of an archived stream: its id, the version up to which it is archived, and the files that hold it.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.archive_of_stream(stream text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('stream_id', s.stream_id, 'archived_version', s.archived_version,
                              'file', coalesce(string_agg(a.file, ', ' ORDER BY a.from_position), ''))
      FROM runfold.streams s
      LEFT JOIN runfold.archives a
        ON a.from_position <= s.last_position AND a.to_position >= s.first_position AND a.state = 'archived'
     WHERE s.stream_id = $1
     GROUP BY s.stream_id, s.archived_version
$$;
