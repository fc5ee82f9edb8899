-- The events by stream, with one more unless it is among them.
--
-- grant: nobody
CREATE FUNCTION runfold.with_event(appends jsonb, stream_id text, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN appends -> stream_id @> jsonb_build_array(jsonb_build_object('event_id', event -> 'event_id')) THEN appends
                ELSE appends || jsonb_build_object(stream_id, coalesce(appends -> stream_id, '[]') || event) END
$$;
