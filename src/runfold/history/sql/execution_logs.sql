-- execution_logs: the last log lines of an execution, oldest first. Parameters: execution_id, limit.
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT * FROM (
    SELECT l.created_at, l.level, l.event_type, l.node_id, l.message, l.user_friendly_message, l.last_event_position
      FROM {tables}.workflow_execution_logs l
     WHERE l.execution_id = %(execution_id)s
     ORDER BY l.created_at DESC, l.last_event_position DESC
     LIMIT %(limit)s) AS newest
 ORDER BY created_at, last_event_position
