-- deleted_executions: the executions that the deletions in some deployment streams concern. Parameters: streams (text[]).
SELECT DISTINCT x.execution_id
  FROM (SELECT e.stream_id, max(e.position) AS position
          FROM runfold.events e
         WHERE e.stream_id = ANY (%(streams)s) AND e.type = 'WorkflowDeleted'
         GROUP BY e.stream_id) AS d
 CROSS JOIN LATERAL runfold.executions_of(substr(d.stream_id, 12)::uuid, d.position) AS x (execution_id)
