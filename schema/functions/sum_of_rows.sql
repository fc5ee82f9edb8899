-- What rows add to the counts of dashboards, by workflow or kind of node and by hour or day; `other` is a fourth outcome.
--
-- grant: nobody
CREATE FUNCTION runfold.sum_of_rows(rows runfold.counted_row[], unit interval) RETURNS TABLE (
    user_id uuid, workflow_id uuid, node_type text, node_subtype text, at timestamptz, created bigint, succeeded bigint,
    failed bigint, canceled bigint, other bigint, ended_succeeded bigint, ended_failed bigint, ended_canceled bigint,
    ended_other bigint, durations bigint[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.user_id, p.workflow_id, p.node_type, p.node_subtype, p.at,
           sum(p.created)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'succeeded'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'failed'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'canceled'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'other'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'succeeded'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'failed'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'canceled'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'other'), 0)::bigint,
           runfold.list_of_durations(array_agg(p.part), array_agg(p.ended::bigint))
      FROM (SELECT g.user_id, g.workflow_id, g.node_type, g.node_subtype, g.at, g.outcome, g.part, sum(g.created) AS created,
                   sum(g.ended) AS ended
              FROM (SELECT r.user_id, r.workflow_id, r.node_type, r.node_subtype, r.outcome,
                           date_bin(unit, r.created_at, '2000-01-01Z') AS at, NULL::integer AS part, r.number AS created, 0 AS ended
                      FROM unnest(rows) AS r
                    UNION ALL
                    SELECT r.user_id, r.workflow_id, r.node_type, r.node_subtype, r.outcome,
                           date_bin(unit, r.ended_at, '2000-01-01Z'), r.part, 0, r.number
                      FROM unnest(rows) AS r
                     WHERE r.outcome IS NOT NULL) AS g
             GROUP BY g.user_id, g.workflow_id, g.node_type, g.node_subtype, g.at, g.outcome, g.part) AS p
     GROUP BY p.user_id, p.workflow_id, p.node_type, p.node_subtype, p.at
$$;
