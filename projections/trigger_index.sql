-- name: trigger_index
-- version: 1
-- group: deployment
-- table: public.trigger_index
-- key: id
-- stream_key: workflow_id
-- events: moves of trigger, TriggerRemoved, WorkflowDeleted, TenantErased
-- barriers: TenantErased of tenant-{user_id}

-- What was removed in this batch goes first, each trigger by itself or all with their workflow. Both are events of the trigger's own
-- stream, so no barrier is needed.
-- events: TriggerRemoved, WorkflowDeleted
DELETE FROM trigger_index t
 USING batch b
 WHERE t.workflow_id = runfold.stream_name(b.stream_id)::uuid AND t.last_event_position < b.position
   AND (b.type = 'WorkflowDeleted' OR t.name = b.data ->> 'trigger');

-- Then the life after the last removal: a registration makes the row or says again what it is, and every event moves it.
MERGE INTO trigger_index AS t
USING (
    SELECT runfold.row_id(e.stream_id, 'trigger', e.name) AS id,
           e.stream_id, e.name,
           (array_agg(e.user_id))[1] AS user_id,
           (array_agg(e.data ORDER BY e.position DESC) FILTER (WHERE e.type = 'TriggerRegistered'))[1] AS registered,
           (array_agg(runfold.trigger_target(e.type) ORDER BY e.position DESC))[1] AS status,
           max(e.position) AS last_event_position,
           (array_agg(e.occurred_at ORDER BY e.position))[1] AS created_at,
           (array_agg(e.occurred_at ORDER BY e.position DESC))[1] AS updated_at
      FROM (SELECT l.*,
                   CASE WHEN s.id IS NOT NULL THEN 0
                        ELSE min(l.position) FILTER (WHERE l.type = 'TriggerRegistered') OVER (PARTITION BY l.stream_id, l.name) END
                       AS made_at
              FROM (SELECT b.stream_id, b.position, b.type, b.data, b.user_id, b.occurred_at, b.data ->> 'trigger' COLLATE "C" AS name,
                           max(b.position) FILTER (WHERE b.type = 'TriggerRemoved')
                               OVER (PARTITION BY b.stream_id, b.data ->> 'trigger' COLLATE "C") AS removed_at,
                           max(b.position) FILTER (WHERE b.type = 'WorkflowDeleted') OVER (PARTITION BY b.stream_id) AS deleted_at
                      FROM batch b) AS l
              LEFT JOIN trigger_index s ON s.id = runfold.row_id(l.stream_id, 'trigger', l.name)
             WHERE l.type <> 'WorkflowDeleted' AND l.position > coalesce(greatest(l.removed_at, l.deleted_at), 0)) AS e
     WHERE e.position >= e.made_at
     GROUP BY e.stream_id, e.name
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      node_id = CASE WHEN f.registered IS NULL THEN t.node_id ELSE f.registered ->> 'node_id' END,
      trigger_subtype = coalesce(f.registered ->> 'trigger_subtype', t.trigger_subtype),
      trigger_config = coalesce(f.registered -> 'trigger_config', t.trigger_config),
      index_key = coalesce(f.registered ->> 'index_key', t.index_key),
      deployment_status = f.status, is_active = f.status = 'active',
      last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (id, workflow_id, name, node_id, trigger_type, trigger_subtype, trigger_config, index_key, deployment_status, is_active,
       user_id, last_event_position, created_at, updated_at)
      VALUES
      (f.id, runfold.stream_name(f.stream_id)::uuid, f.name, f.registered ->> 'node_id', 'TRIGGER', f.registered ->> 'trigger_subtype',
       f.registered -> 'trigger_config', f.registered ->> 'index_key', f.status, f.status = 'active', f.user_id,
       f.last_event_position, f.created_at, f.updated_at);

-- events: TenantErased
DELETE FROM trigger_index t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
