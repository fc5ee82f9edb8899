-- name: workflow_execution_pauses
-- version: 1
-- group: execution
-- table: public.workflow_execution_pauses
-- key: id
-- stream_key: execution_id
-- reads: workflow_executions
-- events: moves of pause, ends of execution, WorkflowDeleted
-- barriers: WorkflowDeleted

-- A name is used once. A pause ends by its first closing event, or with its execution: the row of the execution says where
-- that was created and where it ended, so this needs no walk.
MERGE INTO workflow_execution_pauses AS t
USING (
    WITH touched AS (
        SELECT b.*, x.id AS execution_row, x.first_event_position, x.end_position
          FROM batch b
          JOIN workflow_executions x ON x.execution_id = substr(b.stream_id, 11)
    ), opened AS (
        SELECT DISTINCT ON (b.stream_id, b.data ->> 'pause') b.*,
               runfold.row_id(b.stream_id, 'pause', b.data ->> 'pause') AS id
          FROM touched b
         WHERE b.type = 'PauseOpened' AND b.position > b.first_event_position
           AND (b.end_position IS NULL OR b.position < b.end_position)
         ORDER BY b.stream_id, b.data ->> 'pause', b.position
    ), closing AS (
        SELECT b.position, b.type, b.data, b.occurred_at, runfold.row_id(b.stream_id, 'pause', b.data ->> 'pause') AS id
          FROM touched b
         WHERE b.type IN ('PauseResumed', 'PauseTimedOut', 'PauseCanceled') AND b.position > b.first_event_position
           AND (b.end_position IS NULL OR b.position < b.end_position)
    ), ended AS (
        SELECT b.execution_row, b.position, b.occurred_at FROM touched b WHERE b.position = b.end_position
    ), active AS (
        SELECT o.id, o.execution_row, o.user_id, o.data ->> 'pause' AS name, o.position AS opened_at, o.occurred_at, o.data
          FROM opened o
         WHERE NOT EXISTS (SELECT FROM workflow_execution_pauses s WHERE s.id = o.id)
        UNION ALL
        SELECT s.id, s.execution_id, s.user_id, s.name, 0, s.created_at, NULL
          FROM workflow_execution_pauses s
         WHERE s.status = 'active' AND s.execution_id IN (SELECT execution_row FROM touched)
    )
    SELECT a.*, c.position AS closed_position, c.occurred_at AS closed_at,
           CASE WHEN c.position IS NULL THEN 'active' ELSE c.status END AS status, c.resumed_at, c.resume_trigger
      FROM active a
      LEFT JOIN LATERAL (
            SELECT c.position, c.occurred_at, runfold.pause_target(c.type) AS status, c.data ->> 'resumed_at' AS resumed_at,
                   c.data ->> 'resume_trigger' AS resume_trigger
              FROM closing c
             WHERE c.id = a.id AND c.position > a.opened_at
            UNION ALL
            SELECT e.position, e.occurred_at, 'cancelled', NULL, NULL FROM ended e WHERE e.execution_row = a.execution_row
             ORDER BY position LIMIT 1) AS c ON true
     WHERE a.data IS NOT NULL OR c.position IS NOT NULL
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      status = f.status, resumed_at = f.resumed_at::timestamptz, resume_trigger = f.resume_trigger,
      last_event_position = f.closed_position, updated_at = f.closed_at
 WHEN NOT MATCHED THEN INSERT
      (id, execution_id, user_id, name, paused_at, paused_node_id, pause_reason, resume_conditions, resumed_at, resume_trigger,
       interaction_id, timeout_at, status, last_event_position, created_at, updated_at)
      VALUES
      (f.id, f.execution_row, f.user_id, f.name, (f.data ->> 'paused_at')::timestamptz, f.data ->> 'paused_node_id',
       f.data ->> 'pause_reason', f.data -> 'resume_conditions', f.resumed_at::timestamptz, f.resume_trigger,
       (f.data ->> 'interaction_id')::uuid, (f.data ->> 'timeout_at')::timestamptz, f.status,
       coalesce(f.closed_position, f.opened_at), f.occurred_at, coalesce(f.closed_at, f.occurred_at));

-- Where a foreign key deletes them with their execution, none is left.
-- events: WorkflowDeleted
DELETE FROM workflow_execution_pauses t
 USING batch b
 CROSS JOIN LATERAL runfold.executions_of(substr(b.stream_id, 12)::uuid, b.position) AS e (execution_id)
 WHERE t.execution_id = runfold.row_id('execution-' || e.execution_id, 'execution', e.execution_id)
   AND NOT EXISTS (SELECT FROM workflow_executions x WHERE x.id = t.execution_id);
