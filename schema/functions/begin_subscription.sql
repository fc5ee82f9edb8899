-- Begins, or begins again, a subscription that has a name, and returns its bookmark. A new one begins
-- behind the event given.
--
-- The caller holds the subscription's lock: pg_try_advisory_lock(runfold.subscription_lock(name)).
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.begin_subscription(
    subscription text, filters jsonb DEFAULT '{}', after bigint DEFAULT 0, after_event_id uuid DEFAULT NULL
)
RETURNS TABLE ("position" bigint, event_id uuid)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    here constant text := runfold.server_identity();
BEGIN
    INSERT INTO runfold.subscriptions (name, position, event_id, filters, server)
    VALUES (subscription, begin_subscription.after,
            coalesce(after_event_id, (SELECT e.event_id FROM runfold.events e WHERE e.position = begin_subscription.after)),
            begin_subscription.filters, here)
        ON CONFLICT DO NOTHING;
    RETURN QUERY
    UPDATE runfold.subscriptions s
       SET filters = begin_subscription.filters, server = here,
           restored_position = CASE WHEN s.server <> here THEN s.position ELSE s.restored_position END
     WHERE s.name = subscription
    RETURNING s.position, s.event_id;
END
$$;
