-- Quick check of a large event against the limits.
--
-- Limits are at least 65,536 bytes of data and 16,384 of metadata, so smaller events need no look
-- at runfold.settings.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.large_event_is_valid(event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(octet_length((event -> 'data')::text), 0) <= (SELECT value FROM runfold.settings WHERE name = 'max_event_bytes')
       AND coalesce(runfold.base64_octets(event ->> 'payload'), 0)
           <= (SELECT value FROM runfold.settings WHERE name = 'max_event_bytes')
       AND coalesce(octet_length((event -> 'metadata')::text), 0)
           <= (SELECT value FROM runfold.settings WHERE name = 'max_metadata_bytes');
END
$$;
