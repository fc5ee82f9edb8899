-- name: interaction_anomalies
-- version: 1
-- group: interaction
-- table: runfold.interaction_anomalies
-- key: position, projection
-- cross_stream: true
-- stream_column: stream_id
-- depends_on: interactions_of_responses
-- part_of: anomalies
-- reads_before: human_interactions, hil_responses
-- events: moves of interaction, InteractionNotified, InteractionReminderSent, moves of response, TenantErased
-- barriers: TenantErased of tenant-{user_id}

-- Each event is judged by the status before it: the target of the last event that had one, after the row's present status.
-- events: moves of interaction, InteractionNotified, InteractionReminderSent
INSERT INTO interaction_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'human_interactions', e.code, e.stream_id, e.user_id,
       CASE e.code WHEN 'after_end' THEN jsonb_build_object('status', e.ended_with)
                   WHEN 'illegal_transition' THEN jsonb_build_object('from', e.status, 'to', e.target) ELSE '{}' END
  FROM (SELECT n.*,
               CASE WHEN n.made_at IS NULL OR n.position < n.made_at THEN 'missing_row'
                    WHEN n.position = n.made_at THEN NULL
                    WHEN n.type = 'InteractionRequested' THEN 'already_exists'
                    WHEN n.ended_with IS NOT NULL THEN 'after_end'
                    WHEN n.target IS NOT NULL AND NOT runfold.interaction_move_is_legal(n.status, n.target)
                        THEN 'illegal_transition' END AS code
          FROM (SELECT m.*,
                       coalesce(lag(m.moved_to) OVER (PARTITION BY m.stream_id ORDER BY m.position), m.standing) AS status,
                       CASE WHEN runfold.interaction_has_ended(m.standing) THEN m.standing
                            WHEN m.ended_at < m.position
                            THEN max(m.move) FILTER (WHERE m.position = m.ended_at) OVER (PARTITION BY m.stream_id) END
                           AS ended_with
                  FROM (SELECT c.*,
                               -- The last move up to the event: of those that are numbered alike, one moves.
                               max(c.move) OVER (PARTITION BY c.stream_id, c.moves) AS moved_to,
                               min(c.position) FILTER (WHERE runfold.interaction_has_ended(c.move)) OVER (PARTITION BY c.stream_id)
                                   AS ended_at
                          FROM (SELECT k.*, count(k.move) OVER (PARTITION BY k.stream_id ORDER BY k.position) AS moves
                                  FROM (SELECT k.*,
                                               -- What counts for the events after it: not what came before the row, nor a second
                                               -- request.
                                               CASE WHEN k.position = k.made_at
                                                      OR (k.position > k.made_at AND k.type <> 'InteractionRequested')
                                                    THEN k.target END AS move
                                          FROM (SELECT b.stream_id, b.position, b.type, b.user_id,
                                                       runfold.interaction_target(b.type) AS target, s.status AS standing,
                                                       coalesce(s.first_event_position,
                                                                min(b.position) FILTER (WHERE b.type = 'InteractionRequested')
                                                                    OVER (PARTITION BY b.stream_id)) AS made_at
                                                  FROM batch b
                                                  LEFT JOIN human_interactions s
                                                    ON s.id = runfold.stream_name(b.stream_id)::uuid) AS k) AS k) AS c) AS m) AS n) AS e
 WHERE e.code IS NOT NULL;

-- What a match names is looked for where it stood before the batch, and among the batch's own requests.
-- events: InteractionRequested, moves of response
INSERT INTO interaction_anomalies (position, projection, code, stream_id, user_id, detail)
SELECT e.position, 'hil_responses', e.code, e.stream_id, e.user_id,
       CASE e.code WHEN 'after_end' THEN '{"status": "matched"}'
                   WHEN 'illegal_transition' THEN jsonb_build_object('from', e.status, 'to', e.target) ELSE '{}' END
  FROM (SELECT n.*,
               CASE WHEN n.made_at IS NULL OR n.position < n.made_at THEN 'missing_row'
                    WHEN n.position = n.made_at THEN NULL
                    WHEN n.type = 'ResponseReceived' THEN 'already_exists'
                    WHEN n.ended THEN 'after_end'
                    WHEN n.type = 'ResponseMatched' AND i.id IS NULL AND r.id IS NULL THEN 'missing_row'
                    WHEN NOT runfold.response_move_is_legal(n.status, n.target) THEN 'illegal_transition' END AS code
          FROM (SELECT m.*,
                       coalesce(lag(m.moved_to) OVER (PARTITION BY m.stream_id ORDER BY m.position), m.standing) AS status,
                       coalesce(m.standing = 'matched', false)
                           OR count(*) FILTER (WHERE m.move = 'matched')
                                  OVER (PARTITION BY m.stream_id ORDER BY m.position
                                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0 AS ended
                  FROM (SELECT c.*, max(c.move) OVER (PARTITION BY c.stream_id, c.moves) AS moved_to
                          FROM (SELECT k.*, count(k.move) OVER (PARTITION BY k.stream_id ORDER BY k.position) AS moves
                                  FROM (SELECT k.*,
                               CASE WHEN k.position = k.made_at
                                      OR (k.position > k.made_at AND k.type <> 'ResponseReceived') THEN k.target END AS move
                          FROM (SELECT b.stream_id, b.position, b.type, b.user_id, runfold.response_target(b.type) AS target,
                                       b.data ->> 'interaction_id' AS interaction_id, s.status AS standing,
                                       CASE WHEN s.id IS NOT NULL THEN 0
                                            ELSE min(b.position) FILTER (WHERE b.type = 'ResponseReceived') OVER received END
                                           AS made_at,
                                       coalesce(s.workflow_id,
                                                ((array_agg(b.data ->> 'workflow_id') FILTER (WHERE b.type = 'ResponseReceived')
                                                    OVER received)[1])::uuid) AS workflow_id
                                  FROM batch b
                                  LEFT JOIN hil_responses s ON s.id = runfold.stream_name(b.stream_id)::uuid
                                 WHERE b.type LIKE 'Response%'
                                WINDOW received AS (PARTITION BY b.stream_id ORDER BY b.position
                                                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS k) AS k) AS c) AS m) AS n
          LEFT JOIN human_interactions i
            ON i.id = n.interaction_id::uuid AND i.workflow_id = n.workflow_id
          LEFT JOIN (SELECT DISTINCT ON (b.stream_id) runfold.stream_name(b.stream_id)::uuid AS id, b.position,
                            (b.data ->> 'workflow_id')::uuid AS workflow_id
                       FROM batch b
                      WHERE b.type = 'InteractionRequested'
                        AND NOT EXISTS (SELECT FROM human_interactions h WHERE h.id = runfold.stream_name(b.stream_id)::uuid)
                      ORDER BY b.stream_id, b.position) AS r
            ON r.id = n.interaction_id::uuid AND r.workflow_id = n.workflow_id AND r.position < n.position) AS e
 WHERE e.code IS NOT NULL;

-- events: TenantErased
DELETE FROM interaction_anomalies t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
