-- name: node_executions
-- version: 1
-- group: execution
-- table: public.node_executions
-- key: id
-- stream_key: execution_id
-- reads: workflow_executions
-- events: NodeScheduled, NodeStarted, NodeAttemptFailed, NodeWaiting, NodeContinued, NodeSucceeded, NodeFailed, NodeSkipped,
--   NodeCanceled

-- Every event moves its activation to one status, whatever the status before, until one of them ends it. So the row is what
-- the events up to the first ending one give: of each field the last given, in event order.
MERGE INTO node_executions AS t
USING (
    SELECT coalesce(s.id, n.id) AS id, n.execution_id, n.user_id, n.activation, n.node_id,
           coalesce(n.given ->> 'node_type', s.node_type, 'UNKNOWN') AS node_type,
           coalesce(n.given ->> 'node_subtype', s.node_subtype) AS node_subtype,
           coalesce(n.given ->> 'node_name', s.node_name) AS node_name,
           n.status,
           coalesce(s.start_time, n.start_time) AS start_time,
           (n.given ->> 'end_time')::bigint AS end_time,
           coalesce(n.given -> 'input_data', s.input_data) AS input_data,
           coalesce(n.given -> 'output_data', s.output_data) AS output_data,
           coalesce(n.given -> 'error_data', s.error_data) AS error_data,
           coalesce((n.given ->> 'attempt')::integer, s.attempt) AS attempt,
           coalesce((n.given ->> 'max_retries')::integer, s.max_retries, 3) AS max_retries,
           coalesce((n.given ->> 'iteration')::integer, s.iteration) AS iteration,
           coalesce(runfold.row_id(n.stream_id, 'node', n.given ->> 'parent_activation'), s.parent_id) AS parent_id,
           n.last_event_position,
           n.created_at
      FROM (SELECT e.stream_id, e.activation,
                   runfold.row_id(e.stream_id, 'node', e.activation) AS id,
                   min(e.execution_id) AS execution_id,
                   (array_agg(e.user_id ORDER BY e.position))[1] AS user_id,
                   (array_agg(e.data ->> 'node_id' ORDER BY e.position))[1] AS node_id,
                   (array_agg(runfold.node_target(e.type) ORDER BY e.position))[count(*)] AS status,
                   (array_agg((e.data ->> 'start_time')::bigint ORDER BY e.position)
                       FILTER (WHERE e.type = 'NodeStarted'))[1] AS start_time,
                   runfold.merge(CASE e.type WHEN 'NodeAttemptFailed' THEN runfold.given(e.data) - 'attempt'
                                 ELSE runfold.given(e.data) END ORDER BY e.position) AS given,
                   max(e.position) AS last_event_position,
                   (array_agg(e.occurred_at ORDER BY e.position))[1] AS created_at
              FROM (SELECT b.stream_id, b.data ->> 'activation' AS activation, b.position, b.type, b.data, b.user_id,
                           b.occurred_at, x.execution_id,
                           count(*) FILTER (WHERE runfold.node_has_ended(runfold.node_target(b.type)))
                               OVER (PARTITION BY b.stream_id, b.data ->> 'activation' ORDER BY b.position
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
                      FROM batch b
                      JOIN workflow_executions x
                        ON x.execution_id = substr(b.stream_id, 11) AND x.first_event_position < b.position) AS e
             WHERE e.ends_before = 0
             GROUP BY e.stream_id, e.activation) AS n
      LEFT JOIN node_executions s ON s.id = n.id
     WHERE NOT runfold.node_has_ended(s.status)
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      node_type = f.node_type, node_subtype = f.node_subtype, node_name = f.node_name, status = f.status,
      start_time = f.start_time, end_time = f.end_time, duration_ms = f.end_time - f.start_time, input_data = f.input_data,
      output_data = f.output_data, error_data = f.error_data, attempt = f.attempt, retry_count = coalesce(f.attempt - 1, 0),
      max_retries = f.max_retries, iteration = f.iteration, parent_id = f.parent_id,
      last_event_position = f.last_event_position
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, user_id, activation, node_id, node_type, node_subtype, node_name, status, start_time, end_time,
       duration_ms, input_data, output_data, error_data, attempt, retry_count, max_retries, iteration, parent_id,
       last_event_position, created_at)
      VALUES
      (f.id, f.execution_id, f.user_id, f.activation, f.node_id, f.node_type, f.node_subtype, f.node_name, f.status, f.start_time,
       f.end_time, f.end_time - f.start_time, f.input_data, f.output_data, f.error_data, f.attempt, coalesce(f.attempt - 1, 0),
       f.max_retries, f.iteration, f.parent_id, f.last_event_position, f.created_at);
