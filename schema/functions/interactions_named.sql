-- The interactions that these texts name, by id or correlation id, open or not; of one tenant, if
-- it is given. A question that was open when its execution ended is cancelled.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.interactions_named(names text[], tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, workflow_id uuid, user_id uuid, status text, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT lower(w.name)::uuid AS id, w.name
          FROM unnest($1) AS w (name)
         WHERE lower(w.name) ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        UNION
        SELECT h.id, h.correlation_id
          FROM public.human_interactions h
         WHERE h.correlation_id = ANY ($1)
    )
    SELECT n.id, (e.data ->> 'workflow_id')::uuid, e.user_id,
           CASE WHEN NOT runfold.interaction_has_ended(s.status) AND runfold.has_ended(s.execution_id) THEN 'cancelled'
                ELSE s.status END, n.name
      FROM n
      LEFT JOIN runfold.streams a ON a.stream_id = runfold.stream_id('interaction', n.id::text)
     CROSS JOIN LATERAL (SELECT r.data, r.user_id FROM runfold.read_stream(runfold.stream_id('interaction', n.id::text), coalesce(a.archived_version, 0)) AS r
                          WHERE r.type = 'InteractionRequested' ORDER BY r.stream_version LIMIT 1) AS e
     CROSS JOIN LATERAL (SELECT i.* FROM runfold.interaction_state(CASE WHEN a.archived_at IS NULL THEN n.id END) AS i) AS s
     WHERE a.archived_at IS NULL AND ($2 IS NULL OR e.user_id = $2)
    UNION ALL
    -- Of those that are archived, which have ended, the row says it.
    SELECT n.id, h.workflow_id, h.user_id, h.status, n.name
      FROM n
      JOIN runfold.streams a ON a.stream_id = runfold.stream_id('interaction', n.id::text) AND a.archived_at IS NOT NULL
      JOIN public.human_interactions h ON h.id = n.id
     WHERE $2 IS NULL OR h.user_id = $2
$$;
