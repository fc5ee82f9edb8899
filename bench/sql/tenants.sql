-- Rows of many tenants, written into the tables directly, since only reading is measured. Parameters: tenants, workflows,
-- executions. A tenth of the workflows is the largest tenant's, the others are drawn by size (the square of a chance); each
-- execution is of a workflow that a hash of its number chooses, so that a tenant has as many in a hundred executions as it has
-- workflows.
-- The server runs this as one message: no parameter of the protocol, but literals.
CREATE FUNCTION pg_temp.chance(text) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT ('x' || substr(md5($1), 1, 7))::bit(28)::integer / 268435456.0::double precision $$;

SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO auth.users (id) SELECT md5('tenant-' || n)::uuid FROM generate_series(1, {tenants}) AS n;

CREATE TEMPORARY TABLE owners AS
SELECT w.n, md5('workflow-' || w.n)::uuid AS workflow_id,
       md5('tenant-' || CASE WHEN pg_temp.chance('owner' || w.n) < 0.1 THEN 1
                             ELSE 2 + floor(({tenants} - 1) * power((pg_temp.chance('owner' || w.n) - 0.1) / 0.9, 2)) END)::uuid AS user_id
  FROM generate_series(1, {workflows}) AS w (n);
ALTER TABLE owners ADD PRIMARY KEY (n);
ANALYZE owners;

INSERT INTO public.workflows (id, user_id, name, active, workflow_data, created_at, updated_at, latest_execution_status)
SELECT workflow_id, user_id, 'workflow ' || n, n % 10 <> 0, jsonb_build_object('nodes', repeat('n', 500)), n, n, 'SUCCESS'
  FROM owners;

INSERT INTO public.trigger_index (id, workflow_id, name, node_id, trigger_subtype, trigger_config, index_key, deployment_status,
                                  is_active, user_id, last_event_position, created_at, updated_at)
SELECT md5('trigger-' || n)::uuid, workflow_id, 't', 'n', 'WEBHOOK', '{}',
       CASE n WHEN 1 THEN '/webhook/my-path' ELSE '/webhook/' || n END, 'active', true, user_id, n, now(), now()
  FROM owners;

INSERT INTO public.workflow_executions
       (id, execution_id, workflow_id, user_id, status, mode, order_time, start_time, end_time, duration_ms, error_message,
        first_event_position, last_event_position, created_at, updated_at)
SELECT md5('execution-' || x.n)::uuid, 'run-' || x.n, o.workflow_id, o.user_id,
       CASE WHEN x.n % 20 = 0 THEN 'ERROR' WHEN x.n % 100 = 1 THEN 'RUNNING' ELSE 'SUCCESS' END, 'WEBHOOK', x.at,
       1790000000000 + x.n, 1790000000000 + x.n + x.n % 1000, x.n % 1000, CASE WHEN x.n % 20 = 0 THEN 'timeout' END, x.n, x.n, x.at, x.at
  FROM (SELECT n, timestamptz '2026-01-01' + n * interval '10 s' AS at,
               1 + floor({workflows} * pg_temp.chance('workflow' || n))::integer AS workflow
          FROM generate_series(1, {executions}) AS n) AS x
  JOIN owners o ON o.n = x.workflow;

INSERT INTO public.node_executions (id, execution_id, user_id, activation, node_id, node_type, status, start_time, end_time,
                                    last_event_position, created_at)
SELECT md5('node-' || x.execution_id)::uuid, x.execution_id, x.user_id, 'n', 'n', 'ACTION', 'SUCCESS', x.start_time, x.end_time,
       x.last_event_position, x.created_at
  FROM public.workflow_executions x;

-- One in ten executions asked; one in a hundred of those still waits, until some time of the next day.
INSERT INTO public.human_interactions
       (id, workflow_id, execution_id, node_id, interaction_type, channel_type, status, request_data, timeout_at, user_id,
        first_event_position, last_event_position, created_at, updated_at)
SELECT md5('interaction-' || x.execution_id)::uuid, x.workflow_id, x.id, 'n', 'approval', 'slack',
       CASE WHEN x.last_event_position % 1000 = 0 THEN 'pending' ELSE 'responded' END, '{}',
       now() + pg_temp.chance(x.execution_id) * interval '1 day', x.user_id, x.last_event_position, x.last_event_position,
       x.created_at, x.updated_at
  FROM public.workflow_executions x
 WHERE x.last_event_position % 10 = 0;

RESET session_replication_role;
RESET synchronous_commit;
VACUUM ANALYZE public.workflows;
VACUUM ANALYZE public.trigger_index;
VACUUM ANALYZE public.workflow_executions;
VACUUM ANALYZE public.node_executions;
VACUUM ANALYZE public.human_interactions
