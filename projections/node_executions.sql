-- name: node_executions
-- version: 1
-- group: execution
-- table: public.node_executions
-- key: id
-- stream_key: execution_id
-- reads: workflow_executions
-- events: moves of node, ends of execution, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}

-- The end of an execution closes each of its nodes that is open before the batch. What the batch says of such a node comes after,
-- below: a closed row takes it like an open one.
-- events: ends of execution
UPDATE node_executions t
   SET status = 'CANCELED',
       end_time = greatest(x.end_time, t.start_time),
       duration_ms = greatest(x.end_time, t.start_time) - t.start_time,
       closed_by = x.end_position,
       last_event_position = x.end_position
  FROM workflow_executions x
 -- An array and no join: found once, and then each row by its key.
 WHERE t.id = ANY (ARRAY(SELECT s.id
                           FROM batch b
                           JOIN workflow_executions e ON e.execution_id = runfold.stream_name(b.stream_id) AND e.end_position = b.position
                          -- OFFSET 0: looked up by the execution, never by reading all nodes that are open.
                          CROSS JOIN LATERAL (SELECT n.id, n.status
                                                FROM node_executions n
                                               WHERE n.execution_id = e.execution_id
                                              OFFSET 0) AS s
                          WHERE NOT runfold.node_has_ended(s.status)))
   AND x.execution_id = t.execution_id;

-- Every event moves its activation to one status, from any status before, until one of them ends it. So the row is what
-- the events up to the first ending one give: of each field the last given, in event order, over the present row. An event that
-- ends is the last, so its object needs no merging; of a first event null fields may stay in the object, for there is nothing
-- below them. An event of an attempt that is over is left out before anything else: the row, or a start before it, has a later one.
-- Where the execution has ended, in this batch or before, what did not end by itself is closed: the parent's row says where.
-- Where the execution was created in this batch no node of it has a row, and none is looked up: it is not older than any event
-- of the batch, of which the first is the cheapest to ask for.
-- events: moves of node
MERGE INTO node_executions AS t
USING (
    SELECT runfold.row_id(runfold.stream_id('execution', e.execution_id), 'node', e.activation) AS id,
           max(e.first_event_position) < (SELECT b.position FROM batch b LIMIT 1) AS may_stand,
           e.execution_id, e.activation, e.user_id,
           max(e.data ->> 'node_id') FILTER (WHERE e.number = 1) AS node_id,
           CASE WHEN max(e.target) FILTER (WHERE e.ends) IS NOT NULL THEN max(e.target) FILTER (WHERE e.ends)
                WHEN max(e.end_position) IS NOT NULL THEN 'CANCELED'
                ELSE CASE max(e.position) WHEN max(e.position) FILTER (WHERE e.target = 'RUNNING') THEN 'RUNNING'
                                          WHEN max(e.position) FILTER (WHERE e.target = 'PENDING') THEN 'PENDING'
                                          WHEN max(e.position) FILTER (WHERE e.target = 'RETRYING') THEN 'RETRYING'
                                          ELSE 'WAITING_INPUT' END END AS status,
           CASE WHEN max(e.target) FILTER (WHERE e.ends) IS NULL THEN max(e.end_position) END AS closed_by,
           coalesce((max(e.data ->> 'end_time') FILTER (WHERE e.ends))::bigint, max(e.ended_at)) AS ends_at,
           max((e.data ->> 'start_time')::bigint) FILTER (WHERE e.type = 'NodeStarted' AND e.started IS NULL) AS start_time,
           runfold.merge(CASE WHEN e.attempt IS NOT NULL AND e.type <> 'NodeStarted' THEN runfold.given(e.data) - 'attempt'
                              WHEN e.number = 1 THEN e.data
                              ELSE runfold.given(e.data) END ORDER BY e.position) FILTER (WHERE NOT e.ends) AS given,
           runfold.merge(e.data) FILTER (WHERE e.ends) AS ending,
           max(e.position) AS last_event_position,
           max(e.occurred_at) FILTER (WHERE e.number = 1) AS created_at
      FROM (SELECT b.*, NOT b.is_old AND runfold.node_has_ended(b.target) AS ends,
                   count(*) FILTER (WHERE NOT b.is_old AND runfold.node_has_ended(b.target)) OVER earlier AS ends_before
              FROM (SELECT b.*, coalesce(b.attempt < greatest(b.attempt_of_row, b.started), false) AS is_old
                      FROM (SELECT b.*, row_number() OVER earlier AS number,
                                   max(b.attempt) FILTER (WHERE b.type = 'NodeStarted') OVER earlier AS started
                              FROM (SELECT x.execution_id, b.data ->> 'activation' COLLATE "C" AS activation, b.user_id, b.position,
                                           b.type, runfold.node_target(b.type) AS target, (b.data ->> 'attempt')::integer AS attempt,
                                           b.data, b.occurred_at, x.first_event_position, x.end_position, x.end_time AS ended_at,
                                           -- Looked up one by one by the key, and only for an event that names its attempt.
                                           CASE WHEN x.first_event_position < (SELECT b.position FROM batch b LIMIT 1)
                                                 AND b.data ? 'attempt'
                                                THEN (SELECT n.attempt
                                                        FROM node_executions n
                                                       WHERE n.id = runfold.row_id(b.stream_id, 'node', b.data ->> 'activation'))
                                                 END AS attempt_of_row
                                      FROM batch b
                                      JOIN workflow_executions x
                                        ON x.execution_id = runfold.stream_name(b.stream_id) AND x.first_event_position < b.position) AS b
                            WINDOW earlier AS (PARTITION BY b.execution_id, b.activation, b.user_id ORDER BY b.position
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS b) AS b
            WINDOW earlier AS (PARTITION BY b.execution_id, b.activation, b.user_id ORDER BY b.position
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS e
     WHERE e.ends_before < 1 -- and not = 0, which a planner without statistics expects of one row in 200
       AND NOT e.is_old
     GROUP BY e.execution_id, e.activation, e.user_id
) AS f
   ON t.id = CASE WHEN f.may_stand THEN f.id END
 WHEN MATCHED AND (NOT runfold.node_has_ended(t.status) OR t.closed_by IS NOT NULL) THEN UPDATE SET
      node_type = coalesce(f.ending ->> 'node_type', f.given ->> 'node_type', t.node_type),
      node_subtype = coalesce(f.given ->> 'node_subtype', t.node_subtype),
      node_name = coalesce(f.given ->> 'node_name', t.node_name),
      status = f.status,
      start_time = coalesce(t.start_time, f.start_time),
      end_time = CASE WHEN f.ends_at IS NOT NULL THEN greatest(f.ends_at, coalesce(t.start_time, f.start_time)) END,
      duration_ms = CASE WHEN f.ends_at IS NOT NULL THEN greatest(f.ends_at, coalesce(t.start_time, f.start_time)) END
                    - coalesce(t.start_time, f.start_time),
      input_data = coalesce(runfold.value_of(f.given, 'input_data'), t.input_data),
      output_data = coalesce(runfold.value_of(f.ending, 'output_data'), t.output_data),
      error_data = coalesce(runfold.value_of(f.ending, 'error_data'), runfold.value_of(f.given, 'error_data'), t.error_data),
      attempt = coalesce((f.given ->> 'attempt')::integer, t.attempt),
      retry_count = coalesce((f.given ->> 'attempt')::integer - 1, t.retry_count),
      max_retries = coalesce((f.given ->> 'max_retries')::integer, t.max_retries),
      iteration = coalesce((f.given ->> 'iteration')::integer, t.iteration),
      parent_id = coalesce(runfold.row_id(runfold.stream_id('execution', f.execution_id), 'node', f.given ->> 'parent_activation'), t.parent_id),
      closed_by = f.closed_by,
      last_event_position = greatest(f.last_event_position, f.closed_by)
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, user_id, activation, node_id, node_type, node_subtype, node_name, status, start_time, end_time,
       duration_ms, input_data, output_data, error_data, attempt, retry_count, max_retries, iteration, parent_id, closed_by,
       last_event_position, created_at)
      VALUES
      (f.id, f.execution_id, f.user_id, f.activation, f.node_id,
       coalesce(f.ending ->> 'node_type', f.given ->> 'node_type', 'UNKNOWN'), f.given ->> 'node_subtype',
       f.given ->> 'node_name', f.status, f.start_time,
       CASE WHEN f.ends_at IS NOT NULL THEN greatest(f.ends_at, f.start_time) END,
       CASE WHEN f.ends_at IS NOT NULL THEN greatest(f.ends_at, f.start_time) END - f.start_time,
       runfold.value_of(f.given, 'input_data'), runfold.value_of(f.ending, 'output_data'),
       coalesce(runfold.value_of(f.ending, 'error_data'), runfold.value_of(f.given, 'error_data')),
       (f.given ->> 'attempt')::integer, coalesce((f.given ->> 'attempt')::integer - 1, 0),
       coalesce((f.given ->> 'max_retries')::integer, 3), (f.given ->> 'iteration')::integer,
       runfold.row_id(runfold.stream_id('execution', f.execution_id), 'node', f.given ->> 'parent_activation'), f.closed_by,
       greatest(f.last_event_position, f.closed_by), f.created_at);

-- Where a foreign key deletes them with their execution, none is left.
-- events: WorkflowDeleted
DELETE FROM node_executions t
 USING batch b
 CROSS JOIN LATERAL runfold.executions_of(runfold.stream_name(b.stream_id)::uuid, b.position) AS e (execution_id)
 WHERE t.execution_id = e.execution_id
   AND NOT EXISTS (SELECT FROM workflow_executions x WHERE x.execution_id = t.execution_id);

-- events: TenantErased
DELETE FROM node_executions t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
