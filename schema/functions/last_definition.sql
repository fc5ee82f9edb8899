-- The newest version of a workflow's definition: its number and digest, and the tenant of its stream;
-- 0 and nulls before the first.
--
-- grant: nobody
CREATE FUNCTION runfold.last_definition(workflow_id uuid, OUT version bigint, OUT digest text, OUT user_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(s.version, 0), e.data ->> 'digest', s.user_id
      FROM (SELECT runfold.stream_id('definition', $1::text) AS stream_id) AS named
      LEFT JOIN runfold.streams s ON s.stream_id = named.stream_id
      LEFT JOIN runfold.events e ON e.position = s.last_position
$$;
