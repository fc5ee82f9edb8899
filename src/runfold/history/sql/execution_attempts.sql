-- execution_attempts: the attempts of an execution's nodes, oldest first: from the log, since a row keeps the last one only,
-- and no further than the rows have been folded. Parameters: execution_id, limit.
SELECT n.activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream('execution-' || %(execution_id)s::text) AS e
  JOIN public.node_executions n
    ON n.execution_id = %(execution_id)s AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
 ORDER BY e.stream_version
 LIMIT %(limit)s
