-- name: execution_anomalies
-- version: 1
-- group: execution
-- table: runfold.execution_anomalies
-- key: position, projection
-- stream_key: stream_id
-- reads_before: workflow_executions, node_executions
-- events: ExecutionCreated, ExecutionStarted, ExecutionPaused, ExecutionResumed, ExecutionSucceeded, ExecutionFailed,
--   ExecutionCanceled, ExecutionTimedOut, ExecutionDeclaredLost, ExecutionMetadataSet, PauseOpened, PauseResumed,
--   PauseTimedOut, PauseCanceled, NodeScheduled, NodeStarted, NodeAttemptFailed, NodeWaiting, NodeContinued, NodeSucceeded,
--   NodeFailed, NodeSkipped, NodeCanceled

-- Executions and their pauses. Nearly every stream is plain: its letters, behind the letter of the status that stands, spell a
-- legal life without pauses. Only the others are walked.
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT a.position, a.projection, a.code, e.stream_id, e.user_id, a.detail
  FROM (SELECT b.stream_id,
               (array_agg(b.user_id))[1] AS user_id,
               array_agg(b.position ORDER BY b.position) AS positions,
               array_agg(b.type ORDER BY b.position) AS types,
               array_agg(b.data ORDER BY b.position) AS datas,
               array_agg(b.occurred_at ORDER BY b.position) AS times,
               string_agg(CASE b.type
                          WHEN 'ExecutionCreated' THEN 'C'
                          WHEN 'ExecutionStarted' THEN 'S'
                          WHEN 'ExecutionSucceeded' THEN 'E'
                          WHEN 'ExecutionFailed' THEN 'E'
                          WHEN 'ExecutionCanceled' THEN 'E'
                          WHEN 'ExecutionTimedOut' THEN 'E'
                          WHEN 'ExecutionDeclaredLost' THEN 'E'
                          WHEN 'ExecutionMetadataSet' THEN 'M'
                          ELSE '?' END, '' ORDER BY b.position) AS letters
          FROM batch b
         WHERE b.type NOT LIKE 'Node%'
         GROUP BY b.stream_id) AS e
  LEFT JOIN workflow_executions s ON s.execution_id = substr(e.stream_id, 11)
 CROSS JOIN LATERAL runfold.walk_execution(
           ROW (s.status, s.start_time, s.end_time, s.run_data, s.metadata, s.error_message, s.error_details, s.open_pauses,
                s.closed_pauses, s.paused, s.first_event_position, s.end_position, s.last_event_position, s.created_at,
                s.updated_at, NULL)::runfold.execution_state,
           e.positions, e.types, e.datas, e.times) AS w
 CROSS JOIN LATERAL jsonb_to_recordset(w.anomalies) AS a (position bigint, projection text, code text, detail jsonb)
 WHERE coalesce(CASE WHEN s.status = 'NEW' THEN 'n' WHEN s.status = 'RUNNING' THEN 'r' WHEN s.end_position IS NOT NULL THEN 'e'
                WHEN s.status IS NOT NULL THEN '?' END, '') || e.letters
       !~ '^((C|n)M*(S(M*EM*|M*))?|rM*(EM*)?|eM*)$';

-- Nodes: each event is judged by the status before it, which is what the event before it moves to. Where the execution does
-- not stand yet, no node of it can: then nothing is looked up.
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'node_executions',
       CASE WHEN e.missing THEN 'missing_row' WHEN runfold.node_has_ended(e.ended_with) THEN 'after_end'
            ELSE 'illegal_transition' END,
       e.stream_id, e.user_id,
       CASE WHEN e.missing THEN '{}' WHEN runfold.node_has_ended(e.ended_with) THEN jsonb_build_object('status', e.ended_with)
            ELSE jsonb_build_object('from', e.status, 'to', e.target) END
  FROM (SELECT n.*,
               coalesce(lag(n.target) OVER moves, s.status) AS status,
               CASE WHEN runfold.node_has_ended(s.status) THEN s.status
                    ELSE (array_agg(n.target) FILTER (WHERE runfold.node_has_ended(n.target)) OVER moves)[1] END AS ended_with
          FROM (SELECT b.stream_id, b.data ->> 'activation' COLLATE "C" AS activation, b.position, b.user_id,
                       runfold.node_target(b.type) AS target, x.execution_id IS NOT NULL AS stands,
                       x.execution_id IS NULL AND (c.position IS NULL OR b.position < c.position) AS missing
                  FROM batch b
                  LEFT JOIN workflow_executions x ON x.execution_id = substr(b.stream_id, 11)
                  LEFT JOIN (SELECT stream_id, min(position) AS position FROM batch
                              WHERE type = 'ExecutionCreated' GROUP BY stream_id) AS c ON c.stream_id = b.stream_id
                 WHERE b.type LIKE 'Node%') AS n
          LEFT JOIN node_executions s ON s.id = CASE WHEN n.stands THEN runfold.row_id(n.stream_id, 'node', n.activation) END
        WINDOW moves AS (PARTITION BY n.stream_id, n.activation, n.missing ORDER BY n.position
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS e
 WHERE e.missing OR runfold.node_has_ended(e.ended_with) OR NOT runfold.node_move_is_legal(e.status, e.target);
