-- Refuses to go on while a backfill is pending: the first statement of a migration that takes away what it reads.
--
-- grant: nobody
CREATE FUNCTION runfold.require_backfill(name text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.backfills b WHERE b.name = name AND b.finished_at IS NOT NULL) THEN
        PERFORM runfold.refuse('backfill_pending', jsonb_build_object('backfill', name));
    END IF;
END
$$;
