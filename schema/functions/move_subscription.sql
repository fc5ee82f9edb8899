-- Moves a subscription's bookmark forward to an event; returns whether it moved. It does not if it is
-- there already.
--
-- It is refused where the bookmark is not at the position that the caller knows: somebody else has moved it.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.move_subscription(subscription text, from_position bigint, to_position bigint, to_event_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at bigint;
BEGIN
    UPDATE runfold.subscriptions s
       SET position = to_position, event_id = to_event_id, moved_at = clock_timestamp(), failed_code = NULL, failed_error = NULL,
           failed_since = NULL, failed_tries = 0
     WHERE s.name = subscription AND s.position = from_position AND to_position > from_position;
    IF FOUND THEN
        RETURN true;
    END IF;
    SELECT s.position INTO at FROM runfold.subscriptions s WHERE s.name = subscription;
    IF NOT FOUND THEN
        PERFORM runfold.refuse('unknown_subscription', jsonb_build_object('subscription', subscription));
    ELSIF at <> from_position AND at <> to_position THEN
        PERFORM runfold.refuse('subscription_moved', jsonb_build_object(
            'subscription', subscription, 'position', from_position, 'found', at));
    END IF;
    RETURN false;
END
$$;
