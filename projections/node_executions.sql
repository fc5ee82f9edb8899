-- name: node_executions
-- version: 1
-- group: execution
-- table: public.node_executions
-- key: id
-- stream_key: execution_id
-- reads: workflow_executions
-- events: NodeScheduled, NodeStarted, NodeAttemptFailed, NodeWaiting, NodeContinued, NodeSucceeded, NodeFailed, NodeSkipped,
--   NodeCanceled, WorkflowDeleted
-- barriers: WorkflowDeleted

-- Every event moves its activation to one status, whatever the status before, until one of them ends it. So the row is what
-- the events up to the first ending one give: of each field the last given, in event order, over what stands.
MERGE INTO node_executions AS t
USING (
    SELECT runfold.row_id(e.stream_id, 'node', e.activation) AS id,
           e.stream_id, e.activation,
           (array_agg(e.user_id))[1] AS user_id,
           (array_agg(e.data ->> 'node_id' ORDER BY e.position))[1] AS node_id,
           (array_agg(runfold.node_target(e.type) ORDER BY e.position))[count(*)] AS status,
           (array_agg((e.data ->> 'start_time')::bigint ORDER BY e.position) FILTER (WHERE e.type = 'NodeStarted'))[1]
               AS start_time,
           runfold.merge(CASE e.type WHEN 'NodeAttemptFailed' THEN runfold.given(e.data) - 'attempt'
                         ELSE runfold.given(e.data) END ORDER BY e.position) AS given,
           max(e.position) AS last_event_position,
           (array_agg(e.occurred_at ORDER BY e.position))[1] AS created_at
      FROM (SELECT b.stream_id, b.data ->> 'activation' COLLATE "C" AS activation, b.position, b.type, b.data, b.user_id,
                   b.occurred_at,
                   count(*) FILTER (WHERE runfold.node_has_ended(runfold.node_target(b.type)))
                       OVER (PARTITION BY b.stream_id, b.data ->> 'activation' COLLATE "C" ORDER BY b.position
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
              FROM batch b
              JOIN workflow_executions x
                ON x.execution_id = substr(b.stream_id, 11) AND x.first_event_position < b.position) AS e
     WHERE e.ends_before = 0
     GROUP BY e.stream_id, e.activation
) AS f
   ON t.id = f.id
 WHEN MATCHED AND NOT runfold.node_has_ended(t.status) THEN UPDATE SET
      node_type = coalesce(f.given ->> 'node_type', t.node_type),
      node_subtype = coalesce(f.given ->> 'node_subtype', t.node_subtype),
      node_name = coalesce(f.given ->> 'node_name', t.node_name),
      status = f.status,
      start_time = coalesce(t.start_time, f.start_time),
      end_time = (f.given ->> 'end_time')::bigint,
      duration_ms = (f.given ->> 'end_time')::bigint - coalesce(t.start_time, f.start_time),
      input_data = coalesce(f.given -> 'input_data', t.input_data),
      output_data = coalesce(f.given -> 'output_data', t.output_data),
      error_data = coalesce(f.given -> 'error_data', t.error_data),
      attempt = coalesce((f.given ->> 'attempt')::integer, t.attempt),
      retry_count = coalesce((f.given ->> 'attempt')::integer - 1, t.retry_count),
      max_retries = coalesce((f.given ->> 'max_retries')::integer, t.max_retries),
      iteration = coalesce((f.given ->> 'iteration')::integer, t.iteration),
      parent_id = coalesce(runfold.row_id(f.stream_id, 'node', f.given ->> 'parent_activation'), t.parent_id),
      last_event_position = f.last_event_position
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, user_id, activation, node_id, node_type, node_subtype, node_name, status, start_time, end_time,
       duration_ms, input_data, output_data, error_data, attempt, retry_count, max_retries, iteration, parent_id,
       last_event_position, created_at)
      VALUES
      (f.id, substr(f.stream_id, 11), f.user_id, f.activation, f.node_id, coalesce(f.given ->> 'node_type', 'UNKNOWN'),
       f.given ->> 'node_subtype', f.given ->> 'node_name', f.status, f.start_time, (f.given ->> 'end_time')::bigint,
       (f.given ->> 'end_time')::bigint - f.start_time, f.given -> 'input_data', f.given -> 'output_data',
       f.given -> 'error_data', (f.given ->> 'attempt')::integer, coalesce((f.given ->> 'attempt')::integer - 1, 0),
       coalesce((f.given ->> 'max_retries')::integer, 3), (f.given ->> 'iteration')::integer,
       runfold.row_id(f.stream_id, 'node', f.given ->> 'parent_activation'), f.last_event_position, f.created_at);

-- Where a foreign key deletes them with their execution, none is left.
-- events: WorkflowDeleted
DELETE FROM node_executions t
 USING batch b
 CROSS JOIN LATERAL runfold.executions_of(substr(b.stream_id, 12)::uuid, b.position) AS e (execution_id)
 WHERE t.execution_id = e.execution_id
   AND NOT EXISTS (SELECT FROM workflow_executions x WHERE x.execution_id = t.execution_id);
