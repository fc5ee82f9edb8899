-- execution_nodes: the activations of an execution in the order they came to be. Parameters: execution_id.
SELECT n.* FROM public.node_executions n
 WHERE n.execution_id = %(execution_id)s
 ORDER BY n.created_at, n.start_time NULLS LAST, n.activation COLLATE "C"
