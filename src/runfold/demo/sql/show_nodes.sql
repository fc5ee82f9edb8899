-- Which node took how long, and what had to be tried again
SELECT node_id, count(*) AS activations, sum(retry_count) AS retries,
       max(duration_ms) AS slowest_ms, max(error_data ->> 'type') AS error
  FROM node_executions
 GROUP BY node_id
 ORDER BY slowest_ms DESC
