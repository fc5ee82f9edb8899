-- name: human_interactions
-- version: 1
-- group: interaction
-- table: public.human_interactions
-- key: id
-- stream_key: id
-- events: moves of interaction, InteractionNotified, InteractionReminderSent, WorkflowDeleted, TenantErased
-- barriers: WorkflowDeleted of deployment-{workflow_id}, TenantErased of tenant-{user_id}
-- barriers_affect: interactions_of_deleted_workflows, interactions_of_erased_tenants

-- The first request makes the row. After it every event applies, until one ends it: the row is what those give, over the present row.
MERGE INTO human_interactions AS t
USING (
    SELECT runfold.stream_name(e.stream_id)::uuid AS id,
           (array_agg(e.user_id))[1] AS user_id,
           (array_agg(e.data) FILTER (WHERE e.position = e.made_at))[1] AS requested,
           (array_agg(e.occurred_at) FILTER (WHERE e.position = e.made_at))[1] AS created_at,
           min(e.made_at) AS made_at,
           (array_agg(runfold.interaction_target(e.type) ORDER BY e.position DESC)
               FILTER (WHERE runfold.interaction_target(e.type) IS NOT NULL))[1] AS status,
           (array_agg(e.data ORDER BY e.position DESC) FILTER (WHERE e.type = 'InteractionResponded'))[1] AS answer,
           (array_agg(e.data ->> 'error' ORDER BY e.position DESC) FILTER (WHERE e.type = 'InteractionFailed'))[1] AS error,
           max(e.position) AS last_event_position,
           (array_agg(e.occurred_at ORDER BY e.position DESC))[1] AS updated_at
      FROM (SELECT m.*,
                   count(*) FILTER (WHERE runfold.interaction_has_ended(runfold.interaction_target(m.type)))
                       OVER (PARTITION BY m.stream_id ORDER BY m.position
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ends_before
              FROM (SELECT b.stream_id, b.position, b.type, b.data, b.user_id, b.occurred_at, s.status AS standing,
                           coalesce(s.first_event_position,
                                    min(b.position) FILTER (WHERE b.type = 'InteractionRequested')
                                        OVER (PARTITION BY b.stream_id)) AS made_at
                      FROM batch b
                      LEFT JOIN human_interactions s ON s.id = runfold.stream_name(b.stream_id)::uuid) AS m
             WHERE m.position = m.made_at
                OR (m.position > m.made_at AND m.type <> 'InteractionRequested'
                    AND NOT runfold.interaction_has_ended(m.standing))) AS e
     WHERE e.ends_before < 1 -- and not = 0, which a planner without statistics expects of one row in 200
     GROUP BY e.stream_id
) AS f
   ON t.id = f.id
 WHEN MATCHED THEN UPDATE SET
      status = coalesce(f.status, t.status),
      response_data = coalesce(runfold.value_of(f.answer, 'response_data'), t.response_data),
      responder = coalesce(f.answer ->> 'responder', t.responder),
      responded_at = coalesce((f.answer ->> 'responded_at')::timestamptz, t.responded_at),
      error = coalesce(f.error, t.error),
      last_event_position = f.last_event_position, updated_at = f.updated_at
 WHEN NOT MATCHED THEN INSERT
      (id, workflow_id, execution_id, node_id, interaction_type, channel_type, status, priority, request_data, response_data,
       responder, error, responded_at, timeout_at, correlation_id, tags, user_id, first_event_position, last_event_position,
       created_at, updated_at)
      VALUES
      (f.id, (f.requested ->> 'workflow_id')::uuid,
       runfold.row_id(runfold.stream_id('execution', f.requested ->> 'execution_id'), 'execution', f.requested ->> 'execution_id'),
       f.requested ->> 'node_id', f.requested ->> 'interaction_type', f.requested ->> 'channel_type', f.status,
       f.requested ->> 'priority', f.requested -> 'request_data', runfold.value_of(f.answer, 'response_data'),
       f.answer ->> 'responder', f.error, (f.answer ->> 'responded_at')::timestamptz,
       (f.requested ->> 'timeout_at')::timestamptz, f.requested ->> 'correlation_id',
       CASE WHEN f.requested ->> 'tags' IS NOT NULL
            THEN ARRAY(SELECT g.tag FROM jsonb_array_elements_text(f.requested -> 'tags') WITH ORDINALITY AS g (tag, n)
                        ORDER BY g.n) END,
       f.user_id, f.made_at, f.last_event_position, f.created_at, f.updated_at);

-- events: WorkflowDeleted
DELETE FROM human_interactions t
 USING batch b
 WHERE t.workflow_id = runfold.stream_name(b.stream_id)::uuid AND t.first_event_position < b.position;

-- events: TenantErased
DELETE FROM human_interactions t WHERE t.user_id = ANY (ARRAY(SELECT b.user_id FROM batch b));
