-- name: hil_responses
-- version: 1
-- group: interaction
-- table: public.hil_responses
-- key: id
-- cross_stream: true
-- stream_column: id
-- affected_by: responses_to_interactions
-- depends_on: interactions_of_responses
-- streams_of_row: streams_of_response
-- reads: human_interactions
-- events: moves of response, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}

-- The first ResponseReceived makes the row. After it every event applies, until a match ends it. The interaction that it matches must have its row before
-- the match and be of the same workflow; no deletion lies within a batch, so the interaction's row says both.
MERGE INTO hil_responses AS t
USING (
    SELECT runfold.stream_name(e.stream_id)::uuid AS id,
           (array_agg(e.user_id))[1] AS user_id,
           (array_agg(e.data) FILTER (WHERE e.position = e.made_at))[1] AS received,
           (array_agg(e.occurred_at) FILTER (WHERE e.position = e.made_at))[1] AS created_at,
           (array_agg(runfold.response_target(e.type) ORDER BY e.position DESC))[1] AS status,
           (array_agg(i.id) FILTER (WHERE e.type = 'ResponseMatched'))[1] AS matched_interaction_id,
           (array_agg(e.data ->> 'error' ORDER BY e.position DESC) FILTER (WHERE e.type = 'ResponseErrored'))[1] AS error,
           (array_agg(e.data ORDER BY e.position DESC)
               FILTER (WHERE e.type IN ('ResponseMatched', 'ResponseFilteredOut')))[1] AS judged,
           (array_agg(e.data ->> 'processed_at' ORDER BY e.position DESC)
               FILTER (WHERE e.type IN ('ResponseMatched', 'ResponseFilteredOut', 'ResponseErrored')))[1] AS processed_at,
           max(e.position) AS last_event_position,
           (array_agg(e.occurred_at ORDER BY e.position DESC))[1] AS updated_at
      FROM (SELECT m.*,
                   count(*) FILTER (WHERE m.type = 'ResponseMatched')
                       OVER (PARTITION BY m.stream_id ORDER BY m.position
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
              FROM (SELECT b.stream_id, b.position, b.type, b.data, b.user_id, b.occurred_at, s.status AS standing,
                           CASE WHEN s.id IS NOT NULL THEN 0
                                ELSE min(b.position) FILTER (WHERE b.type = 'ResponseReceived') OVER received END AS made_at,
                           coalesce(s.workflow_id,
                                    ((array_agg(b.data ->> 'workflow_id') FILTER (WHERE b.type = 'ResponseReceived')
                                        OVER received)[1])::uuid) AS workflow_id
                      FROM batch b
                      LEFT JOIN hil_responses s ON s.id = runfold.stream_name(b.stream_id)::uuid
                    WINDOW received AS (PARTITION BY b.stream_id ORDER BY b.position
                                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS m
             WHERE m.position = m.made_at
                OR (m.position > m.made_at AND m.type <> 'ResponseReceived' AND m.standing IS DISTINCT FROM 'matched')) AS e
      LEFT JOIN human_interactions i
        ON i.id = CASE WHEN e.type = 'ResponseMatched' THEN (e.data ->> 'interaction_id')::uuid END
       AND i.first_event_position < e.position AND i.workflow_id = e.workflow_id
     WHERE e.ends_before < 1 -- and not = 0, which a planner without statistics expects of one row in 200
     GROUP BY e.stream_id
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      status = f.status, matched_interaction_id = f.matched_interaction_id,
      ai_relevance_score = coalesce((f.judged ->> 'ai_relevance_score')::numeric, t.ai_relevance_score),
      ai_reasoning = coalesce(f.judged ->> 'ai_reasoning', t.ai_reasoning),
      processed_at = coalesce(f.processed_at::timestamptz, t.processed_at),
      error = coalesce(f.error, t.error), last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (id, workflow_id, source_channel, raw_payload, headers, status, processed_at, matched_interaction_id, ai_relevance_score,
       ai_reasoning, error, received_at, user_id, last_event_position, created_at, updated_at)
      VALUES
      (f.id, (f.received ->> 'workflow_id')::uuid, f.received ->> 'source_channel', f.received -> 'raw_payload',
       runfold.value_of(f.received, 'headers'), f.status, f.processed_at::timestamptz, f.matched_interaction_id,
       (f.judged ->> 'ai_relevance_score')::numeric, f.judged ->> 'ai_reasoning', f.error,
       (f.received ->> 'received_at')::timestamptz, f.user_id, f.last_event_position, f.created_at, f.updated_at);

-- events: WorkflowDeleted
DELETE FROM hil_responses t
 USING batch b
 WHERE t.workflow_id = runfold.stream_name(b.stream_id)::uuid AND t.last_event_position < b.position;

-- events: TenantErased
DELETE FROM hil_responses t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
