-- name: execution_anomalies
-- version: 1
-- group: execution
-- table: runfold.execution_anomalies
-- key: position, projection
-- stream_key: stream_id
-- part_of: anomalies
-- reads_before: workflow_executions, node_executions, workflow_status
-- events: moves of execution, ExecutionMetadataSet, moves of pause, moves of node, moves of deployment, TenantErased
-- barriers: TenantErased of tenant-{user_id}

-- Executions and their pauses. Nearly every stream is plain: its letters, after the letter of the present status, spell a
-- legal life without pauses, and no end comes before its start. Only the others are walked.
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
                              ELSE '?' END, '' ORDER BY b.position) AS letters,
                   max((b.data ->> 'start_time')::bigint) AS start_time, min((b.data ->> 'end_time')::bigint) AS end_time
              FROM batch b
             GROUP BY b.stream_id) AS l
      LEFT JOIN workflow_executions s ON s.execution_id = runfold.stream_name(l.stream_id)
     WHERE coalesce(CASE WHEN s.status = 'NEW' THEN 'n' WHEN s.status = 'RUNNING' THEN 'r' WHEN s.end_position IS NOT NULL THEN 'e'
                    WHEN s.status IS NOT NULL THEN '?' END, '') || l.letters
           !~ '^((C|n)M*(S(M*EM*|M*))?|rM*(EM*)?|eM*)$'
        OR l.end_time < greatest(s.start_time, l.start_time)
)
SELECT a.position, a.projection, a.code, e.stream_id, e.user_id, a.detail
  FROM (SELECT b.stream_id, l.id,
               (array_agg(b.user_id))[1] AS user_id,
               array_agg(b.position ORDER BY b.position) AS positions,
               array_agg(b.type ORDER BY b.position) AS types,
               array_agg(b.data ORDER BY b.position) AS datas,
               array_agg(b.occurred_at ORDER BY b.position) AS times,
               array_agg(b.recorded_at ORDER BY b.position) AS recorded
          FROM suspects l
          JOIN batch b ON b.stream_id = l.stream_id
         GROUP BY b.stream_id, l.id) AS e
  LEFT JOIN workflow_executions s ON s.id = e.id
 CROSS JOIN LATERAL runfold.walk_execution(
           ROW (s.status, s.start_time, s.end_time, s.run_data, s.metadata, s.error_message, s.error_details, s.open_pauses,
                s.closed_pauses, s.paused, s.first_event_position, s.end_position, s.last_event_position, s.created_at,
                s.updated_at, s.order_time, NULL)::runfold.execution_state,
           e.positions, e.types, e.datas, e.times, e.recorded) AS w
 CROSS JOIN LATERAL jsonb_to_recordset(w.anomalies) AS a (position bigint, projection text, code text, detail jsonb);

-- Nodes. The life of nearly every activation is plain: scheduled at most once and first, started, succeeded at most once and last,
-- from a status that lets it begin so, in one attempt, before its execution ends. Such lives are recognised by hashing alone; of the
-- others each event is judged by the attempt that was reached and by the status before it. Where the execution has no row yet, no
-- node of it has one: then nothing is looked up.
-- events: ExecutionCreated, moves of node, ends of execution
INSERT INTO execution_anomalies (position, projection, code, stream_id, user_id, detail)
WITH lives AS MATERIALIZED (
    -- The creation and the ends of an execution have no activation: a life of its own, which says from where on and until when
    -- its nodes can be.
    SELECT b.stream_id, b.data ->> 'activation' COLLATE "C" AS activation, min(b.position) AS first_position,
           max(b.position) AS last_position,
           max(b.position) FILTER (WHERE b.type = 'NodeScheduled') AS scheduled_at,
           min(b.position) FILTER (WHERE b.type = 'NodeSucceeded') AS succeeded_at,
           bool_and(b.type IN ('NodeSucceeded', 'NodeStarted', 'NodeScheduled')
                    AND coalesce(b.data ->> 'attempt', '1') = '1') AS usual,
           max((b.data ->> 'start_time')::bigint) AS last_start_time, min((b.data ->> 'end_time')::bigint) AS first_end_time,
           min(b.position) FILTER (WHERE b.type = 'ExecutionCreated') AS created_at,
           array_agg(b.position) FILTER (WHERE runfold.ends_execution(b.type)) AS ends_at
      FROM batch b
     GROUP BY b.stream_id, b.data ->> 'activation' COLLATE "C"
), executions AS MATERIALIZED (
    SELECT l.stream_id, l.created_at, l.ends_at, x.execution_id, x.end_position,
           least(x.end_position, (SELECT min(p) FROM unnest(l.ends_at) AS p)) AS ended_at
      FROM (SELECT l.stream_id, max(l.created_at) AS created_at, max(l.ends_at) AS ends_at FROM lives l GROUP BY l.stream_id) AS l
      LEFT JOIN workflow_executions x ON x.execution_id = runfold.stream_name(l.stream_id)
), suspects AS MATERIALIZED (
    SELECT l.stream_id, l.activation, s.status, s.attempt, s.start_time,
           runfold.node_has_ended(s.status) AND s.closed_by IS NULL AS has_ended, x.end_position, x.ends_at,
           CASE WHEN x.execution_id IS NULL THEN coalesce(x.created_at, 9223372036854775807) ELSE 0 END AS stands_after
      FROM lives l
      JOIN executions x ON x.stream_id = l.stream_id
      -- OFFSET 0: looked up one by one by the key, never by reading the whole table.
      LEFT JOIN LATERAL (SELECT n.status, n.attempt, n.closed_by, n.start_time
                           FROM node_executions n
                          WHERE n.id = CASE WHEN x.execution_id IS NOT NULL
                                            THEN runfold.row_id(l.stream_id, 'node', l.activation) END
                         OFFSET 0) AS s ON true
     WHERE l.activation IS NOT NULL
       AND NOT (l.usual AND coalesce(l.scheduled_at = l.first_position, true) AND coalesce(l.succeeded_at = l.last_position, true)
                AND (x.execution_id IS NOT NULL OR coalesce(l.first_position > x.created_at, false))
                AND coalesce(l.last_position < x.ended_at, true)
                AND coalesce(s.attempt < 2, true)
                AND coalesce(l.first_end_time >= greatest(l.last_start_time, s.start_time), true)
                AND runfold.node_move_is_legal(s.status, CASE WHEN l.scheduled_at IS NOT NULL THEN 'PENDING'
                                                              WHEN l.succeeded_at = l.first_position THEN 'SUCCESS'
                                                              ELSE 'RUNNING' END))
)
SELECT e.position, 'node_executions', e.code, e.stream_id, e.user_id,
       CASE e.code WHEN 'old_attempt' THEN jsonb_build_object('attempt', e.attempt, 'reached', e.reached)
                   WHEN 'after_end' THEN jsonb_build_object('status', e.ended_with)
                   WHEN 'illegal_transition' THEN jsonb_build_object('from', e.status, 'to', e.target)
                   WHEN 'clock_went_back' THEN jsonb_build_object('start_time', e.began_at, 'end_time', e.end_time)
                   ELSE '{}' END
  FROM (SELECT e.*,
               CASE WHEN e.missing THEN 'missing_row'
                    WHEN e.attempt < e.reached THEN 'old_attempt'
                    WHEN e.ended_with IS NOT NULL THEN 'after_end'
                    WHEN e.position > e.end_position AND NOT runfold.node_has_ended(e.target) THEN 'execution_ended'
                    WHEN (e.position < e.end_position) IS NOT FALSE AND NOT runfold.node_move_is_legal(e.status, e.target)
                    THEN 'illegal_transition'
                    WHEN e.end_time < e.began_at THEN 'clock_went_back' END AS code
          FROM (SELECT n.stream_id, n.position, n.user_id, n.missing, n.attempt, n.target, n.status, n.end_position, n.end_time,
                       -- Its first start, if that came before.
                       CASE WHEN n.began_before IS NOT NULL THEN n.began_before
                            WHEN n.started_at < n.position
                            THEN max(n.start_time) FILTER (WHERE n.position = n.started_at) OVER moves END AS began_at,
                       -- The attempt that the row has at this event: starts after its end do not count.
                       greatest(n.attempt_of_row, max(n.attempt) FILTER (WHERE n.type = 'NodeStarted' AND NOT n.is_old
                                                                           AND n.ends_before < 1) OVER moves) AS reached,
                       CASE WHEN n.has_ended THEN n.standing
                            ELSE max(n.target) FILTER (WHERE n.ends AND n.ends_before < 1) OVER moves END AS ended_with
                  FROM (SELECT n.*, NOT n.is_old AND runfold.node_has_ended(n.target) AS ends,
                               min(n.position) FILTER (WHERE n.type = 'NodeStarted')
                                   OVER (PARTITION BY n.stream_id, n.activation, n.missing) AS started_at,
                               coalesce(lag(n.target) OVER moves, n.standing) AS status,
                               CASE WHEN n.has_ended THEN 1
                                    ELSE count(*) FILTER (WHERE NOT n.is_old AND runfold.node_has_ended(n.target)) OVER moves
                                     END AS ends_before
                          FROM (SELECT n.*,
                                       coalesce(n.attempt < greatest(n.attempt_of_row, max(n.attempt)
                                                                     FILTER (WHERE n.type = 'NodeStarted') OVER moves), false)
                                           AS is_old
                                  FROM (SELECT b.stream_id, s.activation, b.position, b.user_id, b.type,
                                               runfold.node_target(b.type) AS target,
                                               (b.data ->> 'attempt')::integer AS attempt, s.attempt AS attempt_of_row,
                                               (b.data ->> 'start_time')::bigint AS start_time, s.start_time AS began_before,
                                               (b.data ->> 'end_time')::bigint AS end_time,
                                               s.status AS standing, s.has_ended, b.position < s.stands_after AS missing,
                                               coalesce(s.end_position,
                                                        (SELECT min(p) FROM unnest(s.ends_at) AS p WHERE p > s.stands_after))
                                                   AS end_position
                                          FROM suspects s
                                          JOIN batch b ON b.stream_id = s.stream_id
                                                      AND b.data ->> 'activation' COLLATE "C" = s.activation) AS n
                                WINDOW moves AS (PARTITION BY n.stream_id, n.activation, n.missing ORDER BY n.position
                                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS n
                        WINDOW moves AS (PARTITION BY n.stream_id, n.activation, n.missing, n.is_old ORDER BY n.position
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS n
                WINDOW moves AS (PARTITION BY n.stream_id, n.activation, n.missing ORDER BY n.position
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS e) AS e
 WHERE e.code IS NOT NULL;

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

-- events: TenantErased
DELETE FROM execution_anomalies t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
