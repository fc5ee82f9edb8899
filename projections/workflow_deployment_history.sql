-- name: workflow_deployment_history
-- version: 1
-- group: deployment
-- table: public.workflow_deployment_history
-- key: id
-- stream_key: workflow_id
-- events: DeploymentStarted, DeploymentLogAppended, DeploymentCompleted, DeploymentFailed, TenantErased
-- barriers: TenantErased of tenant-{user_id}
-- barriers_affect: deployments_of_erased_tenants

-- The start makes the row, the first end ends it; lines of its log come at any time. It outlives its workflow.
MERGE INTO workflow_deployment_history AS t
USING (
    SELECT e.id, e.stream_id,
           (array_agg(e.user_id))[1] AS user_id,
           (array_agg(e.data) FILTER (WHERE e.position = e.made_at))[1] AS started,
           (array_agg(e.occurred_at) FILTER (WHERE e.position = e.made_at))[1] AS created_at,
           (array_agg(e.data ORDER BY e.position) FILTER (WHERE e.type IN ('DeploymentCompleted', 'DeploymentFailed')))[1] AS ended,
           coalesce(jsonb_agg(jsonb_build_object('level', e.data -> 'level', 'message', e.data -> 'message', 'at', e.data -> 'at')
                              ORDER BY e.position) FILTER (WHERE e.type = 'DeploymentLogAppended'), '[]') AS logs,
           max(e.position) AS last_event_position,
           (array_agg(e.occurred_at ORDER BY e.position DESC))[1] AS updated_at
      FROM (SELECT m.*,
                   count(*) FILTER (WHERE m.type IN ('DeploymentCompleted', 'DeploymentFailed'))
                       OVER (PARTITION BY m.id ORDER BY m.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
              FROM (SELECT b.*, s.completed_at AS standing_end,
                           CASE WHEN s.id IS NOT NULL THEN 0
                                ELSE min(b.position) FILTER (WHERE b.type = 'DeploymentStarted') OVER (PARTITION BY b.id) END AS made_at
                      FROM (SELECT d.stream_id, d.position, d.type, d.data, d.user_id, d.occurred_at,
                                   runfold.row_id(d.stream_id, 'deployment', lower(d.data ->> 'deployment_id' COLLATE "C")) AS id
                              FROM batch d) AS b
                      LEFT JOIN workflow_deployment_history s ON s.id = b.id) AS m
             WHERE m.position = m.made_at OR (m.position > m.made_at AND m.type <> 'DeploymentStarted')) AS e
     WHERE e.position = e.made_at OR e.type = 'DeploymentLogAppended' OR (e.ends_before = 0 AND e.standing_end IS NULL)
     GROUP BY e.id, e.stream_id
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      deployment_action = coalesce(f.ended ->> 'deployment_action', t.deployment_action),
      to_status = coalesce(f.ended ->> 'to_status', t.to_status),
      deployment_version = coalesce((f.ended ->> 'deployment_version')::integer, t.deployment_version),
      deployment_config = coalesce(f.ended -> 'deployment_config', t.deployment_config),
      triggered_by = coalesce((f.ended ->> 'triggered_by')::uuid, t.triggered_by),
      completed_at = coalesce((f.ended ->> 'completed_at')::timestamptz, t.completed_at),
      error_message = coalesce(f.ended ->> 'error_message', t.error_message),
      deployment_logs = t.deployment_logs || f.logs,
      last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (id, workflow_id, deployment_id, deployment_action, from_status, to_status, deployment_version, deployment_config,
       triggered_by, started_at, completed_at, error_message, deployment_logs, user_id, last_event_position, created_at, updated_at)
      VALUES
      (f.id, runfold.stream_name(f.stream_id)::uuid, (f.started ->> 'deployment_id')::uuid,
       coalesce(f.ended ->> 'deployment_action', f.started ->> 'deployment_action'), f.started ->> 'from_status',
       coalesce(f.ended ->> 'to_status', f.started ->> 'to_status'),
       coalesce(f.ended ->> 'deployment_version', f.started ->> 'deployment_version')::integer,
       coalesce(f.ended -> 'deployment_config', f.started -> 'deployment_config'),
       coalesce(f.ended ->> 'triggered_by', f.started ->> 'triggered_by')::uuid, (f.started ->> 'started_at')::timestamptz,
       (f.ended ->> 'completed_at')::timestamptz, f.ended ->> 'error_message', f.logs, f.user_id, f.last_event_position,
       f.created_at, f.updated_at);

-- events: TenantErased
DELETE FROM workflow_deployment_history t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
