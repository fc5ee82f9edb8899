-- Trigger: refuses every change of what was discarded.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_undiscarding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RF008',
        MESSAGE = format('what was discarded is on record for ever: %s on runfold.discarded_events is refused', TG_OP),
        DETAIL = '{"code": "log_immutable"}',
        HINT = 'append an event that says what the discarded one should have said';
END
$$;
