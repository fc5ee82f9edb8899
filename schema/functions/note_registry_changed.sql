-- Notifies the channel runfold_registries with the name of the table that changed, so that caches read it again.
--
-- grant: nobody
CREATE FUNCTION runfold.note_registry_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A notification too many would fail the commit; caches read again after a minute anyway.
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_registries', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
