-- The original result of a call that was recorded before.
--
-- Its event ids are all recorded with the same types and bodies, in the same streams and order;
-- anything else is refused.
--
-- grant: nobody
CREATE FUNCTION runfold.recorded_appends(call jsonb, some_are_new boolean)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- The planner cannot know how few rows a call holds, and would read the whole log instead of looking each event up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    differing record;
BEGIN
    SELECT a.n AS append, x.n AS event, x.e ->> 'event_id' AS event_id, s.event_id IS NOT NULL AS stored
      INTO differing
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
      LEFT JOIN runfold.event_ids i ON i.event_id = (x.e ->> 'event_id')::uuid
      LEFT JOIN runfold.event_ids f ON f.event_id = (a.append #>> '{events,0,event_id}')::uuid
      LEFT JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      LEFT JOIN runfold.events s
        ON s.stream_id = t.stream_id AND s.stream_version = i.stream_version AND s.event_id = i.event_id
       AND s.position BETWEEN t.first_position AND t.last_position
     WHERE some_are_new
        OR s.event_id IS NULL OR s.stream_version <> f.stream_version + x.n - 1
        OR s.type <> x.e ->> 'type' OR s.schema_version <> coalesce((x.e ->> 'schema_version')::integer, 1)
        OR s.data::text IS DISTINCT FROM nullif(x.e -> 'data', 'null')::text
        OR s.payload IS DISTINCT FROM decode(x.e ->> 'payload', 'base64')
     ORDER BY (s.event_id IS NULL) DESC, a.n, x.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse(
            CASE WHEN some_are_new THEN 'event_ids_mixed' ELSE 'event_id_conflict' END,
            jsonb_build_object('pointer', format('/%s/events/%s/event_id', differing.append - 1, differing.event - 1),
                               'found', differing.event_id));
    END IF;
    -- An append's positions and versions are adjacent: its first event tells where it ended.
    RETURN QUERY
    SELECT f.stream_id, f.stream_version + s.size - 1, f.position, f.position + s.size - 1
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL (SELECT jsonb_array_length(a.append -> 'events') AS size) AS s
      JOIN runfold.event_ids i ON i.event_id = (a.append #>> '{events,0,event_id}')::uuid
      JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      JOIN runfold.events f
        ON f.stream_id = t.stream_id AND f.stream_version = i.stream_version
       AND f.position BETWEEN t.first_position AND t.last_position
     ORDER BY a.n;
END
$$;
