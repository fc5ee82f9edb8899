-- outline_nodes: the nodes of an execution without payloads, those of large families by their failed and their slowest ones.
-- Only narrow rows are ranked, so that ten thousand fit into work_mem.
-- Parameters: execution_id, whole (a family of at most so many is shown whole), failed, slowest, limit.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
WITH n AS MATERIALIZED (
    SELECT f.id, f.parent_id, f.failed, count(*) OVER (PARTITION BY f.parent_id, f.family) AS siblings,
           row_number() OVER (PARTITION BY f.parent_id, f.family, f.failed
                                  ORDER BY f.duration_ms DESC NULLS LAST, f.activation COLLATE "C") AS place
      FROM (SELECT x.id, x.parent_id, x.status = 'ERROR' AS failed, x.duration_ms, x.activation,
                   CASE WHEN x.parent_id IS NULL THEN x.node_id END AS family
              FROM {tables}.node_executions x
             WHERE x.execution_id = %(execution_id)s) AS f
), shown AS MATERIALIZED (
    SELECT n.id, n.parent_id, n.siblings FROM n
     WHERE n.siblings <= %(whole)s OR n.place <= CASE WHEN n.failed THEN %(failed)s ELSE %(slowest)s END
)
SELECT x.id, x.execution_id, x.activation, x.node_id, x.node_type, x.node_subtype, x.node_name, x.status, x.start_time, x.end_time,
       x.duration_ms, x.attempt, x.retry_count, x.max_retries, x.iteration, x.parent_id, x.closed_by, x.last_event_position,
       x.created_at, s.siblings,
       CASE WHEN x.status = 'ERROR' AND jsonb_typeof(x.error_data -> 'message') = 'string'
            THEN left(x.error_data ->> 'message', 200) END AS error_message
  FROM shown s
  JOIN {tables}.node_executions x ON x.id = s.id
 WHERE s.parent_id IS NULL OR EXISTS (SELECT FROM shown p WHERE p.id = s.parent_id)
 ORDER BY x.created_at, x.start_time NULLS LAST, x.activation COLLATE "C"
 LIMIT %(limit)s
