-- Notifies the channel runfold_registries with the name of the table that changed, so that caches read it again.
--
-- grant: nobody
CREATE FUNCTION runfold.note_registry_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('runfold_registries', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
