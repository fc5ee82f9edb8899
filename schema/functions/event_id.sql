-- The event id that a stream and a name give, always the same; the same in Python.
--
-- So events can be sent again by a producer that keeps no ids: equal facts get equal ids. `name` names one fact of the stream:
-- <activation>/<attempt>/<type>/<n> for instance, n counting that type in that attempt. Two facts with one name are taken
-- for a repeat. Version 8: 48 bits are the time of the stream's own UUID where that is of version 7, else of the stream's
-- hash, so that a stream's ids are neighbours in their index; 74 bits are of the hash of both.
--
-- grant: engine, operator, reader, service_role
CREATE FUNCTION runfold.event_id(stream_id text, name text) RETURNS uuid
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made constant text := runfold.stream_name(stream_id);
    hash bytea := sha256(convert_to(stream_id, 'UTF8') || '\x00' || convert_to(name, 'UTF8'));
    near text;
BEGIN
    IF name = '' THEN
        PERFORM runfold.raise_fault('blank', '/name');
    END IF;
    near := CASE WHEN made ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
                 THEN substr(replace(made, '-', ''), 1, 12)
                 ELSE substr(encode(sha256(convert_to(stream_id, 'UTF8')), 'hex'), 1, 12) END;
    hash := set_byte(hash, 6, get_byte(hash, 6) & 15 | 128);
    hash := set_byte(hash, 8, get_byte(hash, 8) & 63 | 128);
    RETURN (near || substr(encode(hash, 'hex'), 13, 20))::uuid;
END
$$;
