-- name: workflow_status
-- version: 1
-- group: execution
-- table: public.workflow_status
-- key: workflow_id
-- cross_stream: true
-- stream_column: workflow_id
-- affected_by: workflows_of_executions
-- depends_on: latest_executions
-- streams_of_row: streams_of_workflow
-- copies: workflow_copies
-- reads: workflow_executions
-- events: moves of execution, ExecutionMetadataSet, moves of pause, moves of deployment, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}

-- The latest execution is the one with the greatest (order_time, execution_id), not the last to arrive. Candidates are the batch's executions and the row's present one; only when the present one moved back in time, as a start
-- before its creation does, must all of the workflow's executions be looked at.
-- events: moves of execution, ExecutionMetadataSet, moves of pause
MERGE INTO workflow_status AS t
USING (
    WITH touched AS (
        SELECT x.workflow_id, x.user_id, x.execution_id, x.status,
               x.order_time AS time, x.last_event_position, x.updated_at
          FROM (SELECT DISTINCT b.stream_id FROM batch b) AS b
          JOIN workflow_executions x ON x.execution_id = runfold.stream_name(b.stream_id)
    ), standing AS (
        SELECT w.workflow_id, x.user_id, x.execution_id, x.status,
               x.order_time AS time, x.last_event_position, x.updated_at,
               x.order_time < s.latest_execution_time AS moved_back
          FROM (SELECT DISTINCT workflow_id FROM touched) AS w
          JOIN workflow_status s ON s.workflow_id = w.workflow_id
          JOIN workflow_executions x ON x.execution_id = s.latest_execution_id
    ), candidates AS (
        SELECT * FROM touched
        UNION ALL
        SELECT workflow_id, user_id, execution_id, status, time, last_event_position, updated_at FROM standing
        UNION ALL
        SELECT x.workflow_id, x.user_id, x.execution_id, x.status, x.order_time,
               x.last_event_position, x.updated_at
          FROM standing s
          JOIN workflow_executions x ON x.workflow_id = s.workflow_id
         WHERE s.moved_back
    )
    SELECT DISTINCT ON (c.workflow_id) c.*
      FROM candidates c
     ORDER BY c.workflow_id, c.time DESC, c.execution_id DESC
) AS f
   ON t.workflow_id = f.workflow_id
 WHEN MATCHED AND (t.latest_execution_id IS DISTINCT FROM f.execution_id OR t.latest_execution_status <> f.status
                   OR t.latest_execution_time <> f.time
                   OR t.last_event_position <> greatest(f.last_event_position, t.deployment_position)) THEN UPDATE SET
      user_id = f.user_id, latest_execution_id = f.execution_id, latest_execution_status = f.status,
      latest_execution_time = f.time, last_event_position = greatest(f.last_event_position, t.deployment_position),
      updated_at = CASE WHEN f.last_event_position < t.deployment_position THEN runfold.occurred_at(t.deployment_position)
                        ELSE f.updated_at END
 WHEN NOT MATCHED THEN INSERT
      (workflow_id, user_id, latest_execution_id, latest_execution_status, latest_execution_time, last_event_position, updated_at)
      VALUES (f.workflow_id, f.user_id, f.execution_id, f.status, f.time, f.last_event_position, f.updated_at);

-- The workflow's deployment moves by the last of its events, also where the history does not allow them.
-- events: moves of deployment
MERGE INTO workflow_status AS t
USING (
    SELECT runfold.stream_name(b.stream_id)::uuid AS workflow_id,
           (array_agg(b.user_id))[1] AS user_id,
           (array_agg(b.data ORDER BY b.position DESC))[1] AS last,
           (array_agg(b.data ORDER BY b.position DESC) FILTER (WHERE b.data ->> 'to_status' = 'DEPLOYED'))[1] AS deployed,
           (array_agg(b.data ORDER BY b.position DESC) FILTER (WHERE b.data ->> 'to_status' = 'UNDEPLOYED'))[1] AS undeployed,
           max(b.position) AS position,
           (array_agg(b.occurred_at ORDER BY b.position DESC))[1] AS occurred_at
      FROM batch b
     GROUP BY b.stream_id
) AS f
   ON t.workflow_id = f.workflow_id
 WHEN MATCHED THEN UPDATE SET
      user_id = CASE WHEN t.latest_execution_id IS NULL THEN f.user_id ELSE t.user_id END,
      deployment_status = f.last ->> 'to_status',
      deployment_version = (f.last ->> 'deployment_version')::integer,
      deployment_config = f.last -> 'deployment_config',
      deployed_at = CASE WHEN f.deployed IS NULL THEN t.deployed_at
                         ELSE coalesce(f.deployed ->> 'completed_at', f.deployed ->> 'started_at')::timestamptz END,
      deployed_by = CASE WHEN f.deployed IS NULL THEN t.deployed_by ELSE (f.deployed ->> 'triggered_by')::uuid END,
      undeployed_at = coalesce(coalesce(f.undeployed ->> 'completed_at', f.undeployed ->> 'started_at')::timestamptz,
                               t.undeployed_at),
      deployment_position = f.position,
      last_event_position = greatest(t.last_event_position, f.position),
      updated_at = CASE WHEN t.last_event_position > f.position THEN t.updated_at ELSE f.occurred_at END
 WHEN NOT MATCHED THEN INSERT
      (workflow_id, user_id, deployment_status, deployed_at, deployed_by, undeployed_at, deployment_version, deployment_config,
       deployment_position, last_event_position, updated_at)
      VALUES
      (f.workflow_id, f.user_id, f.last ->> 'to_status',
       coalesce(f.deployed ->> 'completed_at', f.deployed ->> 'started_at')::timestamptz, (f.deployed ->> 'triggered_by')::uuid,
       coalesce(f.undeployed ->> 'completed_at', f.undeployed ->> 'started_at')::timestamptz,
       (f.last ->> 'deployment_version')::integer, f.last -> 'deployment_config', f.position, f.position, f.occurred_at);

-- events: WorkflowDeleted
DELETE FROM workflow_status t
 USING batch b
 WHERE t.workflow_id = runfold.stream_name(b.stream_id)::uuid AND t.last_event_position < b.position;

-- What is left of a workflow's row is what the other tenants' streams give: the latest of their executions, and the deployments
-- unless those were the tenant's. Mostly that is nothing, and the row keeps its tenant and goes.
-- events: TenantErased
UPDATE workflow_status t
   SET (user_id, latest_execution_id, latest_execution_status, latest_execution_time, deployment_status, deployed_at, deployed_by,
        undeployed_at, deployment_version, deployment_config, deployment_position, last_event_position, updated_at)
       = (SELECT CASE WHEN x.id IS NOT NULL THEN x.user_id WHEN d.stays THEN d.user_id ELSE t.user_id END,
                 x.execution_id, coalesce(x.status, 'IDLE'), x.order_time,
                 CASE WHEN d.stays THEN t.deployment_status ELSE 'IDLE' END,
                 CASE WHEN d.stays THEN t.deployed_at END, CASE WHEN d.stays THEN t.deployed_by END,
                 CASE WHEN d.stays THEN t.undeployed_at END,
                 CASE WHEN d.stays THEN t.deployment_version ELSE 1 END,
                 CASE WHEN d.stays THEN t.deployment_config ELSE '{}' END,
                 CASE WHEN d.stays THEN t.deployment_position END,
                 coalesce(greatest(x.last_event_position, CASE WHEN d.stays THEN t.deployment_position END), t.last_event_position),
                 CASE WHEN d.stays AND (x.id IS NULL OR x.last_event_position < t.deployment_position)
                      THEN runfold.occurred_at(t.deployment_position) ELSE coalesce(x.updated_at, t.updated_at) END
            FROM (SELECT e.user_id, (e.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b))) IS NOT TRUE AS stays
                    FROM runfold.events e
                   WHERE e.position = t.deployment_position
                   UNION ALL
                  SELECT NULL, false WHERE t.deployment_position IS NULL) AS d
            LEFT JOIN LATERAL (SELECT w.*
                                 FROM workflow_executions w
                                WHERE w.workflow_id = t.workflow_id
                                ORDER BY w.order_time DESC, w.execution_id DESC
                                LIMIT 1) AS x ON true)
 WHERE t.workflow_id = ANY (ARRAY(SELECT s.workflow_id
                                    FROM workflow_status s
                                   WHERE s.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b))
                                   UNION ALL
                                  SELECT runfold.stream_name(d.stream_id)::uuid
                                    FROM batch b
                                   CROSS JOIN LATERAL runfold.streams_of_tenant(b.user_id, 'deployment') AS d (stream_id)));

-- events: TenantErased
DELETE FROM workflow_status t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
