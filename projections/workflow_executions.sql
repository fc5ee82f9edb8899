-- name: workflow_executions
-- version: 1
-- group: execution
-- table: public.workflow_executions
-- key: id
-- stream_key: execution_id
-- events: moves of execution, ExecutionMetadataSet, moves of pause, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}
-- barriers_affect: executions_of_deleted_workflows, executions_of_erased_tenants
-- counts: counts_of_rows

-- Status, pauses and the end depend on the order of the events: one walk a stream, from the present row. The columns of
-- ExecutionCreated come from the first one, when it makes the row.
MERGE INTO workflow_executions AS t
USING (
    SELECT coalesce(s.id, runfold.row_id(e.stream_id, 'execution', runfold.stream_name(e.stream_id))) AS id,
           runfold.stream_name(e.stream_id) AS execution_id, e.user_id, e.created, w.*
      FROM (SELECT b.stream_id,
                   (array_agg(b.user_id))[1] AS user_id,
                   array_agg(b.position ORDER BY b.position) AS positions,
                   array_agg(b.type ORDER BY b.position) AS types,
                   array_agg(b.data ORDER BY b.position) AS datas,
                   array_agg(b.occurred_at ORDER BY b.position) AS times,
                   array_agg(b.recorded_at ORDER BY b.position) AS recorded,
                   (array_agg(b.data ORDER BY b.position) FILTER (WHERE b.type = 'ExecutionCreated'))[1] AS created
              FROM batch b
             GROUP BY b.stream_id) AS e
      LEFT JOIN workflow_executions s ON s.execution_id = runfold.stream_name(e.stream_id)
     CROSS JOIN LATERAL runfold.walk_execution(
               ROW (s.status, s.start_time, s.end_time, s.run_data, s.metadata, s.error_message, s.error_details, s.open_pauses,
                    s.closed_pauses, s.paused, s.first_event_position, s.end_position, s.last_event_position, s.created_at,
                    s.updated_at, s.order_time, NULL)::runfold.execution_state,
               e.positions, e.types, e.datas, e.times, e.recorded) AS w
     WHERE w.last_event_position IS DISTINCT FROM s.last_event_position
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      status = f.status, order_time = f.order_time, start_time = f.start_time, end_time = f.end_time, duration_ms = f.end_time - f.start_time,
      run_data = f.run_data, metadata = f.metadata, error_message = f.error_message, error_details = f.error_details,
      open_pauses = f.open_pauses, closed_pauses = f.closed_pauses, paused = f.paused, end_position = f.end_position,
      last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, workflow_id, user_id, status, mode, triggered_by, trigger_subtype, trigger_data, parent_execution_id,
       retry_of, workflow_version, deployment_version, order_time, start_time, end_time, duration_ms, run_data, metadata, error_message,
       error_details, open_pauses, closed_pauses, paused, first_event_position, end_position, last_event_position, created_at,
       updated_at)
      VALUES
      (f.id, f.execution_id, (f.created ->> 'workflow_id')::uuid, f.user_id, f.status, f.created ->> 'mode',
       f.created ->> 'triggered_by', f.created ->> 'trigger_subtype', runfold.value_of(f.created, 'trigger_data'),
       f.created ->> 'parent_execution_id', f.created ->> 'retry_of', f.created ->> 'workflow_version',
       (f.created ->> 'deployment_version')::integer, f.order_time, f.start_time, f.end_time, f.end_time - f.start_time, f.run_data, f.metadata,
       f.error_message, f.error_details, f.open_pauses, f.closed_pauses, f.paused, f.first_event_position, f.end_position,
       f.last_event_position, f.created_at, f.updated_at);

-- events: WorkflowDeleted
DELETE FROM workflow_executions t
 USING batch b
 WHERE t.workflow_id = runfold.stream_name(b.stream_id)::uuid AND t.first_event_position < b.position;

-- events: TenantErased
DELETE FROM workflow_executions t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
