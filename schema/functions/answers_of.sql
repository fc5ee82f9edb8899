-- The answers of a call of append_events: each with its place in it, and the execution that asked.
--
-- The request is in the log, or in the same call. What nobody asked is not among them.
--
-- grant: nobody
CREATE FUNCTION runfold.answers_of(call jsonb) RETURNS TABLE (append bigint, event bigint, stream_id text, execution_id text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.n, e.n, a.append ->> 'stream_id', r.execution_id
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     CROSS JOIN LATERAL (
           SELECT coalesce((SELECT s.execution_id FROM runfold.interaction_state(runfold.stream_name(a.append ->> 'stream_id')::uuid) AS s),
                           (SELECT q.event #>> '{data,execution_id}'
                              FROM jsonb_array_elements(a.append -> 'events') AS q (event)
                             WHERE q.event ->> 'type' = 'InteractionRequested' LIMIT 1)) AS execution_id) AS r
     WHERE e.event ->> 'type' = 'InteractionResponded' AND starts_with(a.append ->> 'stream_id', 'interaction-')
       AND r.execution_id IS NOT NULL
$$;
