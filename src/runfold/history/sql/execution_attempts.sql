-- execution_attempts: the attempts of an execution's nodes, oldest first: from the log, since a row keeps the last one only,
-- and no further than the rows have been folded. Parameters: execution_id, limit.
-- {tables} is put in by the runner: the schema of the live tables, or of those of the past.
SELECT n.activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream('execution-' || %(execution_id)s::text) AS e
  JOIN {tables}.node_executions n
    ON n.execution_id = %(execution_id)s AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = 'execution' AND d.position = e.position)
 ORDER BY e.stream_version
 LIMIT %(limit)s
