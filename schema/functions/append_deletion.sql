-- Appends WorkflowDeleted to a workflow's deployment stream, at any version and for any tenant of the stream.
--
-- grant: nobody
CREATE FUNCTION runfold.append_deletion(workflow_id uuid, owner uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('deployment', workflow_id::text);
    now constant text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    append jsonb := jsonb_build_object('stream_id', stream, 'events', jsonb_build_array(jsonb_build_object(
        'event_id', runfold.new_id(), 'type', 'WorkflowDeleted', 'schema_version', 1, 'occurred_at', now,
        'data', jsonb_build_object('at', now, 'by', coalesce(auth.uid()::text, session_user)))));
BEGIN
    IF owner IS NOT NULL AND NOT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = stream) THEN
        BEGIN
            PERFORM runfold.append_reserved(jsonb_build_array(append || jsonb_build_object('user_id', owner)));
            RETURN;
        EXCEPTION WHEN SQLSTATE 'RF003' THEN
            -- Another tenant made the stream at this moment.
            NULL;
        END;
    END IF;
    PERFORM runfold.append_reserved(jsonb_build_array(append));
END
$$;
