-- Begins, or begins again, a subscription that has a name, and returns its bookmark. A new one begins
-- behind the event given.
--
-- A new one from a position below what is archived is refused, unless `archived` is 'skip'.
--
-- The caller holds the subscription's lock: pg_try_advisory_lock(runfold.subscription_lock(name)).
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.begin_subscription(
    subscription text, filters jsonb DEFAULT '{}', after bigint DEFAULT 0, after_event_id uuid DEFAULT NULL,
    archived text DEFAULT NULL
)
RETURNS TABLE ("position" bigint, event_id uuid)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    here constant text := runfold.server_identity();
BEGIN
    IF archived IS DISTINCT FROM 'skip' AND NOT EXISTS (SELECT FROM runfold.subscriptions s WHERE s.name = subscription) THEN
        PERFORM runfold.require_log_after(begin_subscription.after,
            CASE WHEN begin_subscription.filters ? 'streams'
                 THEN ARRAY(SELECT jsonb_array_elements_text(begin_subscription.filters -> 'streams')) END,
            CASE WHEN begin_subscription.filters ? 'category' THEN ARRAY[begin_subscription.filters ->> 'category'] END);
    END IF;
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
