-- The interactions of a workflow that are open, or were a moment ago, the oldest first, each with
-- the status that the log gives it.
--
-- A question that was open when its execution ended is none of them: nobody can answer it. They are
-- those that the read table has as open, and those behind its checkpoint. An answer that is judged
-- beside half of the open questions could be matched to the wrong one. message_ids are the names
-- that a channel gave to what was sent: `message_id` in the metadata of InteractionNotified and
-- InteractionReminderSent.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.current_interactions(workflow uuid, tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, "position" bigint, status text, request jsonb, message_ids text[], user_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, a.position, s.status, runfold.upcast(e.type, e.schema_version, e.data),
           ARRAY(SELECT n.metadata ->> 'message_id' FROM runfold.read_stream(e.stream_id) AS n
                  WHERE jsonb_typeof(n.metadata -> 'message_id') = 'string' ORDER BY n.stream_version),
           e.user_id
      FROM (SELECT u.id, min(u.position) AS position
              FROM (SELECT h.id, h.first_event_position AS position
                      FROM public.human_interactions h
                     WHERE h.workflow_id = $1 AND h.status IN ('pending', 'error')
                    UNION ALL
                    SELECT runfold.stream_name(r.stream_id)::uuid, r.position
                      FROM runfold.events r
                     WHERE r.category = 'interaction' AND r.type = 'InteractionRequested'
                       AND lower(r.data ->> 'workflow_id' COLLATE "C") = $1::text
                       AND r.position > coalesce((SELECT c.position FROM runfold.checkpoints c WHERE c.group_name = 'interaction'), 0)
                   ) AS u
             GROUP BY u.id) AS a
      JOIN runfold.events e ON e.position = a.position
     CROSS JOIN LATERAL runfold.interaction_state(a.id) AS s
     -- A tenant's answer is for the tenant's questions, and for those without one in a workflow of the tenant's own.
     WHERE ($2 IS NULL OR e.user_id = $2
            OR (e.user_id IS NULL AND EXISTS (SELECT FROM public.workflows w WHERE w.id = $1 AND w.user_id = $2)))
       AND s.reason IS DISTINCT FROM 'execution_ended'
       AND (runfold.interaction_has_ended(s.status) OR NOT runfold.has_ended(s.execution_id))
     ORDER BY a.position
$$;
