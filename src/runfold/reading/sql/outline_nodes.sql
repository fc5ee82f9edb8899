-- outline_nodes: the nodes of an execution without payloads, those of large families by their failed and their slowest ones.
-- Parameters: execution_id, whole (a family of at most so many is shown whole), failed, slowest, limit.
-- The caller replaces {tables} by the schema of the live tables, or of those of the past.
WITH n AS MATERIALIZED (
    SELECT f.*, count(*) OVER (PARTITION BY f.parent_id, f.family) AS siblings,
           row_number() OVER (PARTITION BY f.parent_id, f.family, f.status = 'ERROR'
                                  ORDER BY f.duration_ms DESC NULLS LAST, f.activation COLLATE "C") AS place
      FROM (SELECT x.id, x.execution_id, x.activation, x.node_id, x.node_type, x.node_subtype, x.node_name, x.status, x.start_time,
                   x.end_time, x.duration_ms, x.attempt, x.retry_count, x.max_retries, x.iteration, x.parent_id, x.closed_by,
                   x.last_event_position, x.created_at, CASE WHEN x.parent_id IS NULL THEN x.node_id END AS family
              FROM {tables}.node_executions x
             WHERE x.execution_id = %(execution_id)s) AS f
), shown AS MATERIALIZED (
    SELECT n.* FROM n
     WHERE n.siblings <= %(whole)s OR n.place <= CASE WHEN n.status = 'ERROR' THEN %(failed)s ELSE %(slowest)s END
)
SELECT s.id, s.execution_id, s.activation, s.node_id, s.node_type, s.node_subtype, s.node_name, s.status, s.start_time, s.end_time,
       s.duration_ms, s.attempt, s.retry_count, s.max_retries, s.iteration, s.parent_id, s.closed_by, s.last_event_position,
       s.created_at, s.siblings,
       (SELECT left(e.error_data ->> 'message', 200) FROM {tables}.node_executions e
         WHERE e.id = s.id AND s.status = 'ERROR' AND jsonb_typeof(e.error_data -> 'message') = 'string') AS error_message
  FROM shown s
 WHERE s.parent_id IS NULL OR EXISTS (SELECT FROM shown p WHERE p.id = s.parent_id)
 ORDER BY s.created_at, s.start_time NULLS LAST, s.activation COLLATE "C"
 LIMIT %(limit)s
