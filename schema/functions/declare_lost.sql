-- Ends an execution that was not seen for that long, and returns when it was last seen; NULL, and
-- nothing, if it was or has ended.
--
-- It is given up only if the log has recorded nothing of it for that long, by the server's clock:
-- neither events nor log lines; and never while the engine that holds it beats. Its stream is locked before it is looked at, so an engine that is
-- alive after all either comes first or finds a newer version.
--
-- grant: operator
CREATE FUNCTION runfold.declare_lost(execution_id text, idle interval, detector text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('execution', execution_id);
    now timestamptz;
    at text;
    last_seen timestamptz;
    version bigint;
BEGIN
    SELECT s.version INTO version FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE;
    now := clock_timestamp();
    last_seen := runfold.execution_last_seen(execution_id);
    IF last_seen IS NULL OR last_seen > now - idle OR NOT coalesce(runfold.held_by_silence(execution_id), true)
       OR runfold.has_ended(execution_id) THEN
        RETURN NULL;
    END IF;
    at := to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    PERFORM runfold.append_events(jsonb_build_array(jsonb_build_object(
        'stream_id', stream, 'expected_version', version, 'events', jsonb_build_array(jsonb_build_object(
            'event_id', runfold.new_id(), 'type', 'ExecutionDeclaredLost', 'occurred_at', at,
            'data', jsonb_build_object(
                'end_time', floor(extract(epoch FROM now) * 1000)::bigint, 'detector', detector,
                'last_seen', to_char(last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))))::text);
    RETURN last_seen;
END
$$;
