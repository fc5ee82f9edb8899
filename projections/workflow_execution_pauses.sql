-- name: workflow_execution_pauses
-- version: 1
-- group: execution
-- table: public.workflow_execution_pauses
-- key: id
-- stream_key: execution_id
-- reads: workflow_executions
-- events: moves of pause, ends of execution, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}

-- A name is used once. A pause ends by its first closing event, or with its execution: the row of the execution says where
-- that was created and where it ended, so this needs no walk. Events are brought together by windows and groups, not by joins
-- of the batch with itself: what a filter leaves of it nobody can guess, and a join that was planned for one row is slow for many.
MERGE INTO workflow_execution_pauses AS t
USING (
    WITH touched AS (
        SELECT b.stream_id, b.user_id, b.position, b.type, b.data, b.occurred_at, x.id AS execution_row,
               x.first_event_position, x.end_position,
               max(b.occurred_at) FILTER (WHERE b.position = x.end_position) OVER (PARTITION BY b.stream_id) AS ended_at
          FROM batch b
          JOIN workflow_executions x ON x.execution_id = runfold.stream_name(b.stream_id)
    ), moves AS (
        -- Of a pause that is open, or not there yet.
        SELECT b.id, b.execution_row, b.user_id, b.position, b.type, b.data, b.occurred_at, s.id IS NOT NULL AS has_row,
               CASE WHEN b.ended_at IS NOT NULL THEN b.end_position END AS ends_with, b.ended_at
          FROM (SELECT b.*, runfold.row_id(b.stream_id, 'pause', b.data ->> 'pause') AS id
                  FROM touched b
                 WHERE runfold.pause_target(b.type) IS NOT NULL AND b.position > b.first_event_position
                   AND (b.end_position IS NULL OR b.position < b.end_position)) AS b
          LEFT JOIN workflow_execution_pauses s ON s.id = b.id
         WHERE s.id IS NULL OR s.status = 'active'
        UNION ALL
        -- The end of an execution, for each pause of it that stood open before the batch.
        SELECT s.id, b.execution_row, s.user_id, b.position, b.type, NULL, b.occurred_at, true, b.position, b.occurred_at
          FROM touched b
         -- OFFSET 0: looked up by the execution, never by reading all pauses that are open.
         CROSS JOIN LATERAL (SELECT p.id, p.user_id, p.status
                               FROM workflow_execution_pauses p
                              WHERE p.execution_id = b.execution_row
                             OFFSET 0) AS s
         WHERE b.position = b.end_position AND s.status = 'active'
    )
    SELECT c.id, c.execution_row, c.user_id, c.opened, c.opened_at, c.occurred_at,
           CASE WHEN c.closed_at IS NULL THEN 'active' ELSE coalesce(runfold.pause_target(c.closed_by), 'cancelled') END AS status,
           c.closing ->> 'resumed_at' AS resumed_at, c.closing ->> 'resume_trigger' AS resume_trigger,
           c.closed_position, c.closed_at
      FROM (SELECT m.id, (array_agg(m.execution_row))[1] AS execution_row,
                   (array_agg(m.user_id ORDER BY m.position))[1] AS user_id,
                   (array_agg(m.data ORDER BY m.position) FILTER (WHERE m.position = m.opened_at))[1] AS opened,
                   min(m.opened_at) AS opened_at,
                   min(m.occurred_at) FILTER (WHERE m.position = m.opened_at) AS occurred_at,
                   (array_agg(m.type ORDER BY m.position) FILTER (WHERE m.closes))[1] AS closed_by,
                   (array_agg(m.data ORDER BY m.position) FILTER (WHERE m.closes))[1] AS closing,
                   coalesce(min(m.position) FILTER (WHERE m.closes), min(m.ends_with)) AS closed_position,
                   coalesce((array_agg(m.occurred_at ORDER BY m.position) FILTER (WHERE m.closes))[1], min(m.ended_at)) AS closed_at
              FROM (SELECT o.*, o.position > o.opened_at AND o.type <> 'PauseOpened' AS closes
                      FROM (SELECT m.*,
                                   CASE WHEN m.has_row THEN 0
                                        ELSE min(m.position) FILTER (WHERE m.type = 'PauseOpened') OVER (PARTITION BY m.id) END
                                       AS opened_at
                              FROM moves m) AS o
                     WHERE o.position >= o.opened_at) AS m
             GROUP BY m.id) AS c
     WHERE c.opened IS NOT NULL OR c.closed_at IS NOT NULL
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      status = f.status, resumed_at = f.resumed_at::timestamptz, resume_trigger = f.resume_trigger,
      last_event_position = f.closed_position, updated_at = f.closed_at
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, user_id, name, paused_at, paused_node_id, activation, pause_reason, resume_conditions, resumed_at, resume_trigger,
       interaction_id, timeout_at, status, last_event_position, created_at, updated_at)
      VALUES
      (f.id, f.execution_row, f.user_id, f.opened ->> 'pause', (f.opened ->> 'paused_at')::timestamptz,
       f.opened ->> 'paused_node_id', f.opened ->> 'activation', f.opened ->> 'pause_reason', f.opened -> 'resume_conditions',
       f.resumed_at::timestamptz, f.resume_trigger, (f.opened ->> 'interaction_id')::uuid, (f.opened ->> 'timeout_at')::timestamptz, f.status,
       coalesce(f.closed_position, f.opened_at), f.occurred_at, coalesce(f.closed_at, f.occurred_at));

-- Where a foreign key deletes them with their execution, none is left.
-- events: WorkflowDeleted
DELETE FROM workflow_execution_pauses t
 USING batch b
 CROSS JOIN LATERAL runfold.executions_of(runfold.stream_name(b.stream_id)::uuid, b.position) AS e (execution_id)
 WHERE t.execution_id = runfold.row_id(runfold.stream_id('execution', e.execution_id), 'execution', e.execution_id)
   AND NOT EXISTS (SELECT FROM workflow_executions x WHERE x.id = t.execution_id);

-- events: TenantErased
DELETE FROM workflow_execution_pauses t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
