-- outline_families: the figures of an execution's large families of nodes. Parameters: execution_id, whole (those of more nodes
-- than this), columns (the parts into which a family's time is cut).
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
WITH n AS MATERIALIZED (
    SELECT f.*, count(*) OVER w AS siblings, min(f.start_time) OVER w AS began,
           greatest(max(f.end_time) OVER w, max(f.start_time) OVER w) AS ended
      FROM (SELECT x.parent_id, CASE WHEN x.parent_id IS NULL THEN x.node_id END AS family, x.status, x.start_time, x.end_time,
                   x.duration_ms, x.retry_count
              FROM {tables}.node_executions x
             WHERE x.execution_id = %(execution_id)s) AS f
    WINDOW w AS (PARTITION BY f.parent_id, f.family)
), large AS MATERIALIZED (
    SELECT n.* FROM n WHERE n.siblings > %(whole)s
), figures AS (
    SELECT l.parent_id, l.family, count(*) AS nodes, count(*) FILTER (WHERE l.retry_count > 0) AS retried,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY l.duration_ms) AS p50, max(l.duration_ms) AS longest,
           min(l.began) AS began, min(l.ended) AS ended
      FROM large l
     GROUP BY l.parent_id, l.family
), statuses AS (
    SELECT s.parent_id, s.family, jsonb_object_agg(s.status, s.nodes) AS statuses
      FROM (SELECT l.parent_id, l.family, l.status, count(*) AS nodes FROM large l GROUP BY 1, 2, 3) AS s
     GROUP BY s.parent_id, s.family
), moments AS (
    SELECT l.parent_id, l.family, l.began, l.ended, l.start_time AS at, 1 AS begun, 0 AS over, 0 AS failed
      FROM large l WHERE l.start_time IS NOT NULL
     UNION ALL
    SELECT l.parent_id, l.family, l.began, l.ended, greatest(l.end_time, l.start_time), 0, 1, (l.status = 'ERROR')::integer
      FROM large l WHERE l.start_time IS NOT NULL AND l.end_time IS NOT NULL
), density AS (
    SELECT d.parent_id, d.family, jsonb_agg(jsonb_build_array(d.part, d.begun, d.over, d.failed) ORDER BY d.part) AS density
      FROM (SELECT m.parent_id, m.family, least((m.at - m.began) * %(columns)s / (m.ended + 1 - m.began), %(columns)s - 1) AS part,
                   sum(m.begun)::bigint AS begun, sum(m.over)::bigint AS over, sum(m.failed)::bigint AS failed
              FROM moments m
             GROUP BY 1, 2, 3) AS d
     GROUP BY d.parent_id, d.family
)
SELECT f.parent_id, f.family AS node_id, f.nodes, s.statuses, f.retried, f.p50, f.longest, f.began, f.ended,
       coalesce(d.density, '[]') AS density
  FROM figures f
  JOIN statuses s ON s.parent_id IS NOT DISTINCT FROM f.parent_id AND s.family IS NOT DISTINCT FROM f.family
  LEFT JOIN density d ON d.parent_id IS NOT DISTINCT FROM f.parent_id AND d.family IS NOT DISTINCT FROM f.family
 ORDER BY f.began NULLS LAST, f.parent_id, f.family
