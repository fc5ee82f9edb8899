-- Trigger: refuses every change of what was discarded.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_undiscarding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.refuse('discard_immutable', words => jsonb_build_object('operation', TG_OP));
END
$$;
