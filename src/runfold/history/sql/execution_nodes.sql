-- execution_nodes: the activations of an execution in the order they came to be. Parameters: execution_id.
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT n.* FROM {tables}.node_executions n
 WHERE n.execution_id = %(execution_id)s
 ORDER BY n.created_at, n.start_time NULLS LAST, n.activation COLLATE "C"
