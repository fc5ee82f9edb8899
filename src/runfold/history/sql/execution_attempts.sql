-- execution_attempts: the attempts of an execution's nodes as the log has them, oldest first: a read row keeps the last only.
-- Parameters: execution_id, limit.
SELECT e.data ->> 'activation' AS activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream('execution-' || %(execution_id)s::text) AS e
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
 ORDER BY e.stream_version
 LIMIT %(limit)s
