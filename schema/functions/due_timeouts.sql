-- Interactions and pauses past their time, and interactions near it that were not warned of; at
-- most so many of each.
--
-- The read tables find candidates, the oldest first; the log decides about each, until there are
-- enough. A candidate that cannot time out does not hinder those behind it. A question of an
-- execution that has ended does not time out, and nobody is warned of it: it is closed.
--
-- grant: nobody
CREATE FUNCTION runfold.due_timeouts(at timestamptz, max_count integer, remind_before interval)
RETURNS TABLE (kind text, execution_id text, pause text, interactions uuid[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    candidate record;
    state record;
    found integer := 0;
BEGIN
    kind := 'interaction';
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('interaction', h.id::text), 'InteractionTimedOut', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND state.timeout_at <= at AND NOT runfold.has_ended(state.execution_id) THEN
            execution_id := state.execution_id;
            pause := state.pause;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'pause';
    found := 0;
    FOR candidate IN
        SELECT x.execution_id, p.name, p.interaction_id, p.execution_id AS row_id
          FROM public.workflow_execution_pauses p
          JOIN public.workflow_executions x ON x.id = p.execution_id
         WHERE p.status = 'active' AND p.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('execution', x.execution_id), 'PauseTimedOut', p.name))
         ORDER BY p.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        IF candidate.interaction_id IS NOT NULL THEN
            SELECT array_agg(candidate.interaction_id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state FROM runfold.interaction_state(candidate.interaction_id) AS s;
        ELSE
            SELECT array_agg(h.id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state
              FROM public.human_interactions h
             CROSS JOIN LATERAL runfold.interaction_state(h.id) AS s
             WHERE h.execution_id = candidate.row_id AND s.pause = candidate.name;
        END IF;
        IF state.answered IS NOT TRUE
           AND EXISTS (SELECT FROM runfold.open_pauses(candidate.execution_id) AS o WHERE o.pause = candidate.name) THEN
            execution_id := candidate.execution_id;
            pause := candidate.name;
            interactions := coalesce(state.ids, '{}');
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'reminder';
    found := 0;
    pause := NULL;
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at > at AND h.timeout_at <= at + remind_before
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('interaction', h.id::text), 'InteractionReminderSent', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND NOT state.reminded AND NOT runfold.has_ended(state.execution_id) THEN
            execution_id := state.execution_id;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
