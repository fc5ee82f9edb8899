-- Appends TenantErased to the stream of a tenant; returns its position.
--
-- Streams of this category take no other append: append_events refuses them. The steps are those of append_events.
--
-- grant: nobody
CREATE FUNCTION runfold.append_tenant_erased(tenant uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('tenant', tenant::text);
    now constant timestamptz := clock_timestamp();
    id constant uuid := runfold.new_id();
    before bigint;
    last bigint;
BEGIN
    INSERT INTO runfold.streams (stream_id, user_id, version) VALUES (stream, tenant, 0) ON CONFLICT DO NOTHING;
    SELECT s.version INTO STRICT before FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE;
    INSERT INTO runfold.event_ids (event_id, stream_version) VALUES (id, before + 1);
    last := runfold.allocate_positions(1);
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                user_id, data, metadata, occurred_at, recorded_at)
    VALUES (last, last, stream, before + 1, id, 'tenant', 'TenantErased', 1, tenant,
            jsonb_build_object('at', to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), 'by', session_user),
            '{}', now, clock_timestamp());
    UPDATE runfold.streams s
       SET version = before + 1, first_position = coalesce(s.first_position, last), last_position = last
     WHERE s.stream_id = stream;

    -- step: wake

    RETURN last;
END
$$;
