-- Unparks the streams of an erased tenant without folding them; returns how many.
--
-- Their events from the first bad one on are discarded, on record: no fold of that group meets them, so
-- verify and rebuild do not fail at them. No row is missing for it, since TenantErased removed all of them.
--
-- grant: operator
CREATE FUNCTION runfold.unpark_erased(tenant uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parked record;
    unparked integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = tenant AND t.position IS NOT NULL) THEN
        RETURN 0;
    END IF;
    FOR parked IN SELECT p.group_name, p.stream_id
                    FROM runfold.parked_streams p
                    JOIN runfold.streams s ON s.stream_id = p.stream_id
                   WHERE s.user_id = tenant AND p.stream_id <> runfold.stream_id('tenant', tenant::text)
                   ORDER BY p.group_name, p.stream_id LOOP
        PERFORM FROM runfold.checkpoints c WHERE c.group_name = parked.group_name FOR NO KEY UPDATE;
        -- The error may quote what the tenant wrote, and is not recorded.
        INSERT INTO runfold.discarded_events (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error,
                                              reason, discarded_by)
        SELECT p.group_name, e.position, e.stream_id, e.stream_version, e.event_id, e.type, p.sqlstate, 'the tenant was erased',
               'the tenant was erased', session_user
          FROM runfold.parked_streams p
          JOIN runfold.streams s ON s.stream_id = p.stream_id
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN p.position AND s.last_position
         WHERE p.group_name = parked.group_name AND p.stream_id = parked.stream_id
           AND e.stream_version BETWEEN 0 AND 9223372036854775807
            ON CONFLICT DO NOTHING;
        DELETE FROM runfold.parked_streams p WHERE p.group_name = parked.group_name AND p.stream_id = parked.stream_id;
        unparked := unparked + 1;
    END LOOP;
    RETURN unparked;
END
$$;
