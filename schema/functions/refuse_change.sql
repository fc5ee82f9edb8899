-- Trigger: refuses every change of a recorded event.
--
-- Inserts come only through append_events (grants). Changes are refused for the owner too, so that
-- nobody changes history by accident. Row triggers are cloned to every partition; TRUNCATE has
-- none, so partitions get one each.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RF008',
        MESSAGE = format('the log is append-only: %s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = '{"code": "log_immutable"}',
        HINT = 'append an event that corrects what the earlier one said';
END
$$;
