-- Records that the group of this batch gives up an event of the stream that an operator has allowed to this
-- session, once. Returns the event's version in its stream, and its type.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.discard_event(group_name text, "position" bigint, sqlstate text, error text,
    OUT stream_version bigint, OUT type text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    allowed runfold.allowed_discards;
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.allowed_discards a WHERE a.group_name = group_name AND a.pid = pg_backend_pid() RETURNING a.* INTO allowed;
    INSERT INTO runfold.discarded_events AS d
           (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error, reason, discarded_by, role_name)
    SELECT group_name, e.position, e.stream_id, e.stream_version, e.event_id, e.type, sqlstate, error,
           allowed.reason, allowed.discarded_by, allowed.role_name
      FROM runfold.events e
     WHERE e.position = "position" AND e.stream_id = allowed.stream_id
    RETURNING d.stream_version, d.type INTO stream_version, type;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('no operator has allowed this session to discard the event at position %s in the group %s',
                             "position", group_name),
            HINT = 'runfold parked discard';
    END IF;
END
$$;
