-- name: model_calls
-- version: 1
-- group: log
-- table: public.model_calls
-- key: id
-- stream_key: execution_id
-- events: ModelCalled, WorkflowDeleted
-- barriers: WorkflowDeleted
-- barriers_affect: executions_of_deleted_workflows
-- affected_by: both_streams_of_executions

-- One row an event.
-- events: ModelCalled
INSERT INTO model_calls
    (id, execution_id, user_id, activation, provider, model_id, version, input_tokens, cached_tokens, output_tokens, latency_ms,
     last_event_position, called_at)
SELECT runfold.row_id(b.stream_id, 'model_call', b.event_id::text), runfold.stream_name(b.stream_id), b.user_id,
       b.data ->> 'activation', b.data ->> 'provider', b.data ->> 'model_id', b.data ->> 'version',
       (b.data ->> 'input_tokens')::integer, (b.data ->> 'cached_tokens')::integer, (b.data ->> 'output_tokens')::integer,
       (b.data ->> 'latency_ms')::integer, b.position, b.occurred_at
  FROM batch b;

-- A call needs no row of its execution, and goes with every workflow that one of its name was ever created for.
-- events: WorkflowDeleted
DELETE FROM model_calls t
 USING batch b
 CROSS JOIN LATERAL runfold.executions_of(runfold.stream_name(b.stream_id)::uuid, b.position) AS e (execution_id)
 WHERE t.execution_id = e.execution_id AND t.last_event_position < b.position;
