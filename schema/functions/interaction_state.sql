-- What the log says of an interaction now: its status, the pause that waits for it, until when, and
-- the reason where it was canceled.
--
-- By the walk of docs/decisions/007; no row where nothing was asked. The walk begins at the request
-- that made the row: after a workflow was deleted, another request begins an interaction again.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.interaction_state(interaction uuid)
RETURNS TABLE (status text, execution_id text, pause text, timeout_at timestamptz, action text, reminded boolean, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    request jsonb;
BEGIN
    reminded := false;
    FOR happened IN
        SELECT e.type, e.data
          FROM runfold.read_stream(runfold.stream_id('interaction', interaction::text)) AS e
         WHERE e.position >= coalesce((SELECT h.first_event_position FROM public.human_interactions h WHERE h.id = interaction), 0)
         ORDER BY e.stream_version
    LOOP
        IF happened.type = 'InteractionRequested' THEN
            IF request IS NULL THEN
                request := happened.data;
                status := 'pending';
            END IF;
        ELSIF request IS NOT NULL AND NOT runfold.interaction_has_ended(status) THEN
            status := coalesce(runfold.interaction_target(happened.type), status);
            reminded := reminded OR happened.type = 'InteractionReminderSent';
            reason := CASE WHEN happened.type = 'InteractionCanceled' THEN happened.data ->> 'reason' END;
        END IF;
    END LOOP;
    IF request IS NOT NULL THEN
        execution_id := request ->> 'execution_id';
        pause := request ->> 'pause';
        timeout_at := (request ->> 'timeout_at')::timestamptz;
        action := coalesce(runfold.timeout_action(request -> 'request_data'), 'fail');
        RETURN NEXT;
    END IF;
END
$$;
