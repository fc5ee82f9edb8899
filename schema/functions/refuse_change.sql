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
    PERFORM runfold.refuse('log_immutable', words => jsonb_build_object(
        'operation', TG_OP, 'table', format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME)));
END
$$;
