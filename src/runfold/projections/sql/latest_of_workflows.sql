-- latest_of_workflows: of each workflow the latest execution that stands, some executions aside: what its row of workflow_status
-- depends on besides those. Parameters: workflows (text[], UUIDs), without (text[], execution_ids).
SELECT x.execution_id
  FROM unnest(%(workflows)s::uuid[]) AS w (id)
 CROSS JOIN LATERAL (SELECT e.execution_id
                       FROM public.workflow_executions e
                      WHERE e.workflow_id = w.id AND e.execution_id <> ALL (%(without)s)
                      ORDER BY coalesce(runfold.from_epoch_ms(e.start_time), e.created_at) DESC, e.execution_id DESC
                      LIMIT 1) AS x
