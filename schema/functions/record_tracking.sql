-- Records how far a tracker has followed an application; never backwards.
--
-- The same call may be sent again: then it returns true.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.record_tracking(tracker text, application_name text, notification_id bigint, call_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.tracking t SET notification_id = record_tracking.notification_id, call_id = record_tracking.call_id
     WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
       AND t.notification_id < record_tracking.notification_id;
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.tracking AS t (tracker, application_name, notification_id, call_id)
    VALUES (tracker, application_name, notification_id, call_id)
        ON CONFLICT ON CONSTRAINT tracking_pkey DO UPDATE
        SET notification_id = excluded.notification_id, call_id = excluded.call_id
      WHERE t.notification_id < excluded.notification_id;
    IF FOUND THEN
        RETURN false;
    ELSIF EXISTS (SELECT FROM runfold.tracking t
                   WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
                     AND t.notification_id = record_tracking.notification_id AND t.call_id = record_tracking.call_id) THEN
        RETURN true;
    END IF;
    PERFORM runfold.refuse('already_tracked', jsonb_build_object(
        'tracker', tracker, 'application_name', application_name, 'notification_id', notification_id));
END
$$;
