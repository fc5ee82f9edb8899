-- The webhook paths that a deployment stream ever had, and which of them are active after these
-- events.
--
-- A function of runfold.claim_rules: two workflows never answer one path. Active are those of the triggers whose last event is their activation, by what was registered
-- last, since the last removal.
--
-- grant: nobody
CREATE FUNCTION runfold.webhooks_after(stream_id text, events jsonb) RETURNS TABLE (path text, active boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.stream_version AS n, e.type, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = $1
        UNION ALL
        SELECT 9000000000000000000 + x.n, x.e ->> 'type',
               runfold.upcast(x.e ->> 'type', coalesce((x.e ->> 'schema_version')::integer, 1), x.e -> 'data')
          FROM jsonb_array_elements($2) WITH ORDINALITY AS x (e, n)
    ), marked AS (
        SELECT h.n, h.type, h.data, h.data ->> 'trigger' COLLATE "C" AS name,
               max(h.n) FILTER (WHERE h.type = 'WorkflowDeleted') OVER () AS deleted,
               max(h.n) FILTER (WHERE h.type = 'TriggerRemoved') OVER (PARTITION BY h.data ->> 'trigger' COLLATE "C") AS removed
          FROM happened h
         WHERE h.type LIKE 'Trigger%' OR h.type = 'WorkflowDeleted'
    ), standing AS (
        SELECT (array_agg(m.data ORDER BY m.n DESC) FILTER (WHERE m.type = 'TriggerRegistered'))[1] AS registered,
               (array_agg(m.type ORDER BY m.n DESC))[1] AS last
          FROM marked m
         WHERE m.name IS NOT NULL AND m.n > coalesce(greatest(m.deleted, m.removed), 0)
         GROUP BY m.name
    )
    SELECT p.path, EXISTS (SELECT FROM standing s
                            WHERE s.last = 'TriggerActivated' AND s.registered ->> 'trigger_subtype' = 'WEBHOOK'
                              AND s.registered ->> 'index_key' = p.path)
      FROM (SELECT DISTINCT m.data ->> 'index_key' COLLATE "C" AS path
              FROM marked m
             WHERE m.type = 'TriggerRegistered' AND m.data ->> 'trigger_subtype' = 'WEBHOOK') AS p
$$;
