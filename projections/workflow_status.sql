-- name: workflow_status
-- version: 1
-- group: execution
-- table: public.workflow_status
-- key: workflow_id
-- cross_stream: true
-- reads: workflow_executions
-- events: ExecutionCreated, ExecutionStarted, ExecutionPaused, ExecutionResumed, ExecutionSucceeded, ExecutionFailed,
--   ExecutionCanceled, ExecutionTimedOut, ExecutionDeclaredLost, ExecutionMetadataSet, PauseOpened, PauseResumed,
--   PauseTimedOut, PauseCanceled

-- The latest execution is the one with the greatest (start or else creation time, execution_id), not the last to arrive.
-- Candidates are the batch's executions and the one that stands; only when the standing one moved back in time, as a start
-- before its creation does, must all of the workflow's executions be looked at.
MERGE INTO workflow_status AS t
USING (
    WITH touched AS (
        SELECT x.workflow_id, x.execution_id
          FROM (SELECT DISTINCT b.stream_id FROM batch b) AS b
          JOIN workflow_executions x ON x.execution_id = substr(b.stream_id, 11)
    ), standing AS (
        SELECT w.workflow_id, x.execution_id,
               coalesce(runfold.from_epoch_ms(x.start_time), x.created_at) < s.latest_execution_time AS moved_back
          FROM (SELECT DISTINCT workflow_id FROM touched) AS w
          LEFT JOIN workflow_status s ON s.workflow_id = w.workflow_id
          LEFT JOIN workflow_executions x ON x.execution_id = s.latest_execution_id
    ), candidates AS (
        SELECT workflow_id, execution_id FROM touched
        UNION
        SELECT workflow_id, execution_id FROM standing WHERE execution_id IS NOT NULL
        UNION
        SELECT s.workflow_id, x.execution_id
          FROM standing s JOIN workflow_executions x ON x.workflow_id = s.workflow_id
         WHERE s.moved_back
    )
    SELECT DISTINCT ON (c.workflow_id) c.workflow_id, x.user_id, x.execution_id, x.status,
           coalesce(runfold.from_epoch_ms(x.start_time), x.created_at) AS time, x.last_event_position, x.updated_at
      FROM candidates c
      JOIN workflow_executions x ON x.execution_id = c.execution_id
     ORDER BY c.workflow_id, coalesce(runfold.from_epoch_ms(x.start_time), x.created_at) DESC, x.execution_id DESC
) AS f
   ON t.workflow_id = f.workflow_id
 WHEN MATCHED AND (t.latest_execution_id IS DISTINCT FROM f.execution_id
                   OR t.last_event_position <> f.last_event_position) THEN UPDATE SET
      user_id = f.user_id, latest_execution_id = f.execution_id, latest_execution_status = f.status,
      latest_execution_time = f.time, last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (workflow_id, user_id, latest_execution_id, latest_execution_status, latest_execution_time, last_event_position, updated_at)
      VALUES (f.workflow_id, f.user_id, f.execution_id, f.status, f.time, f.last_event_position, f.updated_at);
