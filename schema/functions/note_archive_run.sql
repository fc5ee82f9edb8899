-- Notes that the daily run of the archive has ended.
--
-- grant: projector, operator
CREATE FUNCTION runfold.note_archive_run() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.retention SET ran_at = clock_timestamp() WHERE kind = 'archive'
$$;
