-- execution_pauses: the pauses of an execution in the order they were opened. Parameters: execution_row (uuid).
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT p.* FROM {tables}.workflow_execution_pauses p
 WHERE p.execution_id = %(execution_row)s
 ORDER BY p.paused_at, p.name COLLATE "C"
