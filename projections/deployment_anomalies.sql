-- name: deployment_anomalies
-- version: 1
-- group: deployment
-- table: runfold.deployment_anomalies
-- key: position, projection
-- stream_key: stream_id
-- part_of: anomalies
-- reads_before: workflow_deployment_history, trigger_index
-- events: DeploymentStarted, DeploymentLogAppended, DeploymentCompleted, DeploymentFailed, moves of trigger, TriggerRemoved, WorkflowDeleted, TenantErased
-- barriers: TenantErased of tenant-{user_id}

-- events: DeploymentStarted, DeploymentLogAppended, DeploymentCompleted, DeploymentFailed
INSERT INTO deployment_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'workflow_deployment_history', e.code, e.stream_id, e.user_id,
       CASE e.code WHEN 'after_end' THEN jsonb_build_object('status', e.ended_with) ELSE '{}' END
  FROM (SELECT n.*,
               CASE WHEN n.made_at IS NULL OR n.position < n.made_at THEN 'missing_row'
                    WHEN n.position = n.made_at THEN NULL
                    WHEN n.type = 'DeploymentStarted' THEN 'already_exists'
                    WHEN n.type <> 'DeploymentLogAppended' AND n.ended_with IS NOT NULL THEN 'after_end' END AS code
          FROM (SELECT m.*,
                       CASE WHEN m.standing_end IS NOT NULL THEN m.standing_status
                            ELSE (array_agg(m.to_status) FILTER (WHERE m.type IN ('DeploymentCompleted', 'DeploymentFailed')
                                                                   AND m.position > m.made_at) OVER before)[1] END AS ended_with
                  FROM (SELECT b.*, s.completed_at AS standing_end, s.to_status AS standing_status,
                               CASE WHEN s.id IS NOT NULL THEN 0
                                    ELSE min(b.position) FILTER (WHERE b.type = 'DeploymentStarted') OVER (PARTITION BY b.id) END
                                   AS made_at
                          FROM (SELECT d.stream_id, d.position, d.type, d.user_id, d.data ->> 'to_status' AS to_status,
                                       runfold.row_id(d.stream_id, 'deployment',
                                                      lower(d.data ->> 'deployment_id' COLLATE "C")) AS id
                                  FROM batch d) AS b
                          LEFT JOIN workflow_deployment_history s ON s.id = b.id) AS m
                WINDOW before AS (PARTITION BY m.id ORDER BY m.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS n) AS e
 WHERE e.code IS NOT NULL;

-- A trigger's events fall into lives, each ended by a removal, its own or its workflow's. Within a life each event is judged by the
-- status before it, which is what the event before it moves to: from its first registration on, all apply.
-- events: moves of trigger, TriggerRemoved, WorkflowDeleted
INSERT INTO deployment_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'trigger_index', e.code, e.stream_id, e.user_id,
       CASE e.code WHEN 'illegal_transition' THEN jsonb_build_object('from', e.status, 'to', e.target) ELSE '{}' END
  FROM (SELECT n.*,
               CASE WHEN n.status IS NULL AND n.type <> 'TriggerRegistered' THEN 'missing_row'
                    WHEN n.type <> 'TriggerRemoved' AND NOT runfold.trigger_move_is_legal(n.status, n.target)
                        THEN 'illegal_transition' END AS code
          FROM (SELECT m.*,
                       CASE WHEN m.standing IS NOT NULL OR count(*) FILTER (WHERE m.type = 'TriggerRegistered') OVER before > 0
                            THEN coalesce(lag(m.target) OVER before, m.standing) END AS status
                  FROM (SELECT k.*, CASE WHEN k.life = 0 THEN s.deployment_status END AS standing
                          FROM (SELECT b.stream_id, b.position, b.type, b.user_id, b.data ->> 'trigger' COLLATE "C" AS name,
                                       runfold.trigger_target(b.type) AS target,
                                       count(*) FILTER (WHERE b.type = 'TriggerRemoved') OVER own
                                       + count(*) FILTER (WHERE b.type = 'WorkflowDeleted') OVER workflow AS life
                                  FROM batch b
                                WINDOW own AS (PARTITION BY b.stream_id, b.data ->> 'trigger' COLLATE "C" ORDER BY b.position
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                       workflow AS (PARTITION BY b.stream_id ORDER BY b.position
                                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS k
                          LEFT JOIN trigger_index s ON s.id = runfold.row_id(k.stream_id, 'trigger', k.name)
                         WHERE k.type <> 'WorkflowDeleted') AS m
                WINDOW before AS (PARTITION BY m.stream_id, m.name, m.life ORDER BY m.position
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS n) AS e
 WHERE e.code IS NOT NULL;

-- events: TenantErased
DELETE FROM deployment_anomalies t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
