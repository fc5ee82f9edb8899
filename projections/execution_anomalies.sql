-- name: execution_anomalies
-- version: 1
-- group: execution
-- table: runfold.execution_anomalies
-- key: position, projection
-- stream_key: stream_id
-- part_of: anomalies
-- reads_before: workflow_executions, node_executions, workflow_status
-- events: moves of execution, ExecutionMetadataSet, moves of pause, moves of node, moves of deployment

-- Executions and their pauses. Nearly every stream is plain: its letters, after the letter of the present status, spell a
-- legal life without pauses. Only the others are walked.
-- events: moves of execution, ExecutionMetadataSet, moves of pause
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
WITH suspects AS MATERIALIZED (
    SELECT l.stream_id, s.id
      FROM (SELECT b.stream_id,
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
             GROUP BY b.stream_id) AS l
      LEFT JOIN workflow_executions s ON s.execution_id = runfold.stream_name(l.stream_id)
     WHERE coalesce(CASE WHEN s.status = 'NEW' THEN 'n' WHEN s.status = 'RUNNING' THEN 'r' WHEN s.end_position IS NOT NULL THEN 'e'
                    WHEN s.status IS NOT NULL THEN '?' END, '') || l.letters
           !~ '^((C|n)M*(S(M*EM*|M*))?|rM*(EM*)?|eM*)$'
)
SELECT a.position, a.projection, a.code, e.stream_id, e.user_id, a.detail
  FROM (SELECT b.stream_id, l.id,
               (array_agg(b.user_id))[1] AS user_id,
               array_agg(b.position ORDER BY b.position) AS positions,
               array_agg(b.type ORDER BY b.position) AS types,
               array_agg(b.data ORDER BY b.position) AS datas,
               array_agg(b.occurred_at ORDER BY b.position) AS times
          FROM suspects l
          JOIN batch b ON b.stream_id = l.stream_id
         GROUP BY b.stream_id, l.id) AS e
  LEFT JOIN workflow_executions s ON s.id = e.id
 CROSS JOIN LATERAL runfold.walk_execution(
           ROW (s.status, s.start_time, s.end_time, s.run_data, s.metadata, s.error_message, s.error_details, s.open_pauses,
                s.closed_pauses, s.paused, s.first_event_position, s.end_position, s.last_event_position, s.created_at,
                s.updated_at, NULL)::runfold.execution_state,
           e.positions, e.types, e.datas, e.times) AS w
 CROSS JOIN LATERAL jsonb_to_recordset(w.anomalies) AS a (position bigint, projection text, code text, detail jsonb);

-- Nodes. The life of nearly every activation is plain: scheduled at most once and first, started, succeeded at most once and last,
-- from a status that lets it begin so. Such lives are recognised by hashing alone; of the others each event is judged by the status
-- before it. Where the execution has no row yet, no node of it has one: then nothing is looked up.
-- events: ExecutionCreated, moves of node
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
WITH lives AS MATERIALIZED (
    -- The creation of an execution has no activation: a life of its own, which says from where on its nodes can be.
    SELECT b.stream_id, b.data ->> 'activation' COLLATE "C" AS activation, min(b.position) AS first_position,
           max(b.position) AS last_position,
           max(b.position) FILTER (WHERE b.type = 'NodeScheduled') AS scheduled_at,
           min(b.position) FILTER (WHERE b.type = 'NodeSucceeded') AS succeeded_at,
           bool_and(b.type IN ('NodeSucceeded', 'NodeStarted', 'NodeScheduled')) AS usual
      FROM batch b
     GROUP BY b.stream_id, b.data ->> 'activation' COLLATE "C"
), suspects AS MATERIALIZED (
    SELECT l.stream_id, l.activation, s.status,
           CASE WHEN x.execution_id IS NULL THEN coalesce(c.first_position, 9223372036854775807) ELSE 0 END AS stands_after
      FROM lives l
      LEFT JOIN workflow_executions x ON x.execution_id = runfold.stream_name(l.stream_id)
      LEFT JOIN (SELECT stream_id, first_position FROM lives WHERE activation IS NULL) AS c ON c.stream_id = l.stream_id
      -- OFFSET 0: looked up one by one by the key, never by reading the whole table.
      LEFT JOIN LATERAL (SELECT n.status
                           FROM node_executions n
                          WHERE n.id = CASE WHEN x.execution_id IS NOT NULL
                                            THEN runfold.row_id(l.stream_id, 'node', l.activation) END
                         OFFSET 0) AS s ON true
     WHERE l.activation IS NOT NULL
       AND NOT (l.usual AND coalesce(l.scheduled_at = l.first_position, true) AND coalesce(l.succeeded_at = l.last_position, true)
                AND (x.execution_id IS NOT NULL OR coalesce(l.first_position > c.first_position, false))
                AND runfold.node_move_is_legal(s.status, CASE WHEN l.scheduled_at IS NOT NULL THEN 'PENDING'
                                                              WHEN l.succeeded_at = l.first_position THEN 'SUCCESS'
                                                              ELSE 'RUNNING' END))
)
SELECT e.position, 'node_executions',
       CASE WHEN e.missing THEN 'missing_row' WHEN runfold.node_has_ended(e.ended_with) THEN 'after_end'
            ELSE 'illegal_transition' END,
       e.stream_id, e.user_id,
       CASE WHEN e.missing THEN '{}' WHEN runfold.node_has_ended(e.ended_with) THEN jsonb_build_object('status', e.ended_with)
            ELSE jsonb_build_object('from', e.status, 'to', e.target) END
  FROM (SELECT n.*,
               coalesce(lag(n.target) OVER moves, n.standing) AS status,
               CASE WHEN runfold.node_has_ended(n.standing) THEN n.standing
                    ELSE (array_agg(n.target) FILTER (WHERE runfold.node_has_ended(n.target)) OVER moves)[1] END AS ended_with
          FROM (SELECT b.stream_id, s.activation, b.position, b.user_id, runfold.node_target(b.type) AS target,
                       s.status AS standing, b.position < s.stands_after AS missing
                  FROM suspects s
                  JOIN batch b ON b.stream_id = s.stream_id AND b.data ->> 'activation' COLLATE "C" = s.activation) AS n
        WINDOW moves AS (PARTITION BY n.stream_id, n.activation, n.missing ORDER BY n.position
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS e
 WHERE e.missing OR runfold.node_has_ended(e.ended_with) OR NOT runfold.node_move_is_legal(e.status, e.target);

-- Deployments of a workflow: each event is judged by the status that the one before it moved the workflow to.
-- events: moves of deployment
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'workflow_status', 'illegal_transition', e.stream_id, e.user_id,
       jsonb_build_object('from', e.status, 'to', e.target)
  FROM (SELECT b.position, b.stream_id, b.user_id, b.data ->> 'to_status' AS target,
               coalesce(lag(b.data ->> 'to_status') OVER (PARTITION BY b.stream_id ORDER BY b.position),
                        s.deployment_status, 'IDLE') AS status
          FROM batch b
          LEFT JOIN workflow_status s ON s.workflow_id = runfold.stream_name(b.stream_id)::uuid) AS e
 WHERE NOT runfold.deployment_move_is_legal(e.status, e.target);
