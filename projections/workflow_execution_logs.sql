-- name: workflow_execution_logs
-- version: 1
-- group: log
-- table: public.workflow_execution_logs
-- key: created_at, id
-- stream_key: execution_id
-- expires: created_at
-- events: LogAppended, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}
-- barriers_affect: logs_of_deleted_workflows, logs_of_erased_tenants

-- One row an event.
INSERT INTO workflow_execution_logs
    (id, execution_id, user_id, log_category, event_type, level, message, data, node_id, node_name, node_type, step_number,
     total_steps, progress_percentage, duration_seconds, user_friendly_message, display_priority, is_milestone,
     technical_details, stack_trace, performance_metrics, last_event_position, created_at)
SELECT runfold.row_id(b.stream_id, 'log', b.event_id::text), runfold.stream_name(b.stream_id), b.user_id,
       coalesce(b.data ->> 'log_category', 'TECHNICAL'), b.data ->> 'event_type', b.data ->> 'level', b.data ->> 'message',
       coalesce(runfold.value_of(b.data, 'data'), '{}'), b.data ->> 'node_id', b.data ->> 'node_name', b.data ->> 'node_type',
       (b.data ->> 'step_number')::integer, (b.data ->> 'total_steps')::integer, (b.data ->> 'progress_percentage')::numeric,
       (b.data ->> 'duration_seconds')::integer, b.data ->> 'user_friendly_message',
       coalesce((b.data ->> 'display_priority')::integer, 5), coalesce((b.data ->> 'is_milestone')::boolean, false),
       coalesce(runfold.value_of(b.data, 'technical_details'), '{}'), b.data ->> 'stack_trace',
       coalesce(runfold.value_of(b.data, 'performance_metrics'), '{}'), b.position, b.occurred_at
  FROM batch b;

-- A line needs no execution, and goes with every workflow that one of its name was ever created for.
-- Arrays and no join: the executions are found once, and their rows by the index, however many partitions there are. Each row is
-- compared with its own deletion: the execution may write again after it.
-- events: WorkflowDeleted
DELETE FROM workflow_execution_logs t
 WHERE t.execution_id = ANY (ARRAY(SELECT e.execution_id
                                     FROM batch b
                                    CROSS JOIN LATERAL runfold.executions_of(runfold.stream_name(b.stream_id)::uuid, b.position)
                                               AS e (execution_id)))
   AND t.last_event_position
       < ((SELECT jsonb_object_agg(d.execution_id, d.position)
             FROM (SELECT e.execution_id, max(b.position) AS position
                     FROM batch b
                    CROSS JOIN LATERAL runfold.executions_of(runfold.stream_name(b.stream_id)::uuid, b.position)
                               AS e (execution_id)
                    GROUP BY e.execution_id) AS d) ->> t.execution_id)::bigint;

-- events: TenantErased
DELETE FROM workflow_execution_logs t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
