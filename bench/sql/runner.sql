-- What a user of the library's projection runner would write: one statement an event, the same rows as our folds.

-- name: ExecutionCreated
INSERT INTO runner.workflow_executions
       (id, execution_id, workflow_id, status, mode, first_event_position, last_event_position, order_time, created_at, updated_at)
VALUES (%(execution_row)s, %(execution_id)s, %(workflow_id)s, 'NEW', %(mode)s, %(position)s, %(position)s, %(at)s, %(at)s, %(at)s)

-- name: ExecutionStarted
UPDATE runner.workflow_executions
   SET status = 'RUNNING', start_time = coalesce(start_time, %(start_time)s),
       order_time = CASE WHEN start_time IS NULL THEN timestamptz 'epoch' + %(start_time)s * interval '1 millisecond' ELSE order_time END,
       last_event_position = %(position)s, updated_at = %(at)s
 WHERE id = %(execution_row)s

-- name: ExecutionSucceeded
WITH closed AS (
    UPDATE runner.node_executions AS n
       SET status = 'CANCELED', end_time = greatest(%(end_time)s, n.start_time),
           duration_ms = greatest(%(end_time)s, n.start_time) - n.start_time, closed_by = %(position)s,
           last_event_position = %(position)s
     WHERE execution_id = %(execution_id)s AND status IN ('PENDING', 'RUNNING')
)
UPDATE runner.workflow_executions
   SET status = 'SUCCESS', end_time = %(end_time)s, duration_ms = %(end_time)s - start_time, end_position = %(position)s,
       last_event_position = %(position)s, updated_at = %(at)s
 WHERE id = %(execution_row)s

-- name: NodeScheduled
INSERT INTO runner.node_executions
       (id, execution_id, activation, node_id, node_type, status, last_event_position, created_at)
VALUES (%(node_row)s, %(execution_id)s, %(activation)s, %(node_id)s, %(node_type)s, 'PENDING', %(position)s, %(at)s)

-- name: NodeStarted
INSERT INTO runner.node_executions AS n
       (id, execution_id, activation, node_id, node_type, status, start_time, attempt, last_event_position, created_at)
VALUES (%(node_row)s, %(execution_id)s, %(activation)s, %(node_id)s, %(node_type)s, 'RUNNING', %(start_time)s, %(attempt)s,
        %(position)s, %(at)s)
    ON CONFLICT (id) DO UPDATE
   SET status = 'RUNNING', start_time = coalesce(n.start_time, excluded.start_time), attempt = excluded.attempt,
       retry_count = excluded.attempt - 1, last_event_position = excluded.last_event_position

-- name: NodeSucceeded
INSERT INTO runner.node_executions AS n
       (id, execution_id, activation, node_id, node_type, status, end_time, last_event_position, created_at)
VALUES (%(node_row)s, %(execution_id)s, %(activation)s, %(node_id)s, %(node_type)s, 'SUCCESS', %(end_time)s, %(position)s, %(at)s)
    ON CONFLICT (id) DO UPDATE
   SET status = 'SUCCESS', end_time = excluded.end_time, duration_ms = excluded.end_time - n.start_time,
       last_event_position = excluded.last_event_position

-- name: LogAppended
INSERT INTO runner.workflow_execution_logs (id, execution_id, event_type, level, message, node_id, last_event_position, created_at)
VALUES (%(log_row)s, %(execution_id)s, %(event_type)s, %(level)s, %(message)s, %(node_id)s, %(position)s, %(at)s)
