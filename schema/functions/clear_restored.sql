-- Empties runfold.restored_events: what a restore that was interrupted left there.
--
-- grant: operator
CREATE FUNCTION runfold.clear_restored() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    TRUNCATE runfold.restored_events
$$;
