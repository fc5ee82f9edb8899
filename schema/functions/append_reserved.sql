-- Appends reserved events, which append_events refuses from everybody else: for definer functions of
-- ours only. Takes the call of append_events and returns the same.
--
-- grant: nobody
CREATE FUNCTION runfold.append_reserved(appends jsonb)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids constant uuid[] := ARRAY(SELECT (e ->> 'event_id')::uuid
                                   FROM jsonb_array_elements(appends) AS a, jsonb_array_elements(a -> 'events') AS e);
BEGIN
    INSERT INTO runfold.permits (event_id) SELECT unnest(ids);
    RETURN QUERY SELECT r.stream_id, r.version, r.first_position, r.last_position, r.repeated FROM runfold.append_events(appends::text) AS r;
    DELETE FROM runfold.permits p WHERE p.event_id = ANY (ids);
END
$$;
