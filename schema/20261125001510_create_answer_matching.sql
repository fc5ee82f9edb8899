-- migrate:up

-- What an answer is matched with: the questions that are open as the log says, also those that are not folded yet. An answer that is
-- judged beside half of the open questions could be taken for the answer to the wrong one.

-- The requests of a workflow in the log, for those behind the checkpoint. Text, so that nothing keeps an event out.
CREATE INDEX idx_events_requests_of_workflow ON runfold.events (lower(data ->> 'workflow_id' COLLATE "C"), position)
    WHERE category = 'interaction' AND type = 'InteractionRequested';
CREATE INDEX idx_human_interactions_open ON public.human_interactions (workflow_id) WHERE status IN ('pending', 'error');

-- For what ended last on a channel: an answer that names nothing may be late for it.
CREATE INDEX idx_human_interactions_ended ON public.human_interactions (workflow_id, channel_type, last_event_position DESC)
    WHERE status IN ('responded', 'timeout', 'cancelled');

-- Those that the read table has as open, and those behind its checkpoint, each with the status that the log gives it: one that has
-- ended since is among them. message_ids are the names that its channel gave to what was sent: `message_id` in the metadata of
-- InteractionNotified and InteractionReminderSent.
CREATE FUNCTION runfold.current_interactions(workflow uuid, tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, "position" bigint, status text, request jsonb, message_ids text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, a.position, s.status, runfold.upcast(e.type, e.schema_version, e.data),
           ARRAY(SELECT n.metadata ->> 'message_id' FROM runfold.read_stream(e.stream_id) AS n
                  WHERE jsonb_typeof(n.metadata -> 'message_id') = 'string' ORDER BY n.stream_version)
      FROM (SELECT u.id, min(u.position) AS position
              FROM (SELECT h.id, h.first_event_position AS position
                      FROM public.human_interactions h
                     WHERE h.workflow_id = $1 AND h.status IN ('pending', 'error')
                    UNION ALL
                    SELECT substr(r.stream_id, 13)::uuid, r.position
                      FROM runfold.events r
                     WHERE r.category = 'interaction' AND r.type = 'InteractionRequested'
                       AND lower(r.data ->> 'workflow_id' COLLATE "C") = $1::text
                       AND r.position > coalesce((SELECT c.position FROM runfold.checkpoints c WHERE c.group_name = 'interaction'), 0)
                   ) AS u
             GROUP BY u.id) AS a
      JOIN runfold.events e ON e.position = a.position
     CROSS JOIN LATERAL runfold.interaction_state(a.id) AS s
     -- A tenant's answer is for the tenant's questions, and for those without one in a workflow of the tenant's own.
     WHERE $2 IS NULL OR e.user_id = $2
        OR (e.user_id IS NULL AND EXISTS (SELECT FROM public.workflows w WHERE w.id = $1 AND w.user_id = $2))
     ORDER BY a.position
$$;
COMMENT ON FUNCTION runfold.current_interactions(uuid, uuid) IS
    'The interactions of a workflow that are open, or were a moment ago, the oldest first, each with the status that the log gives it.';

-- What a message names: an interaction by its id, or by its correlation id; whether it is open or has ended.
CREATE FUNCTION runfold.interactions_named(names text[], tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, workflow_id uuid, user_id uuid, status text, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.id, (e.data ->> 'workflow_id')::uuid, e.user_id, s.status, n.name
      FROM (SELECT lower(w.name)::uuid AS id, w.name
              FROM unnest($1) AS w (name)
             WHERE lower(w.name) ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
            UNION
            SELECT h.id, h.correlation_id
              FROM public.human_interactions h
             WHERE h.correlation_id = ANY ($1)) AS n
     CROSS JOIN LATERAL (SELECT r.data, r.user_id FROM runfold.read_stream('interaction-' || n.id) AS r
                          WHERE r.type = 'InteractionRequested' ORDER BY r.stream_version LIMIT 1) AS e
     CROSS JOIN LATERAL runfold.interaction_state(n.id) AS s
     WHERE $2 IS NULL OR e.user_id = $2
$$;
COMMENT ON FUNCTION runfold.interactions_named(text[], uuid) IS
    'The interactions that these texts name, by id or correlation id, open or not; of one tenant, if it is given.';

REVOKE ALL ON FUNCTION runfold.current_interactions(uuid, uuid), runfold.interactions_named(text[], uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.current_interactions(uuid, uuid), runfold.interactions_named(text[], uuid)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;

-- Whose workflow an answer is for: no more of it than that.
GRANT SELECT (id, user_id) ON public.workflows TO runfold_engine, runfold_projector;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261125001510';

-- migrate:down
