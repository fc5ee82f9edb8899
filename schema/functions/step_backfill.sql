-- Runs the next step of a backfill of rows; returns how many rows it changed, and whether that was the last one.
--
-- One call is one transaction: the rows and how far it is are committed together, so it goes on where it was after a
-- kill, and two that run it at once take turns.
--
-- grant: operator
CREATE FUNCTION runfold.step_backfill(name text, most integer DEFAULT 1000, OUT changed bigint, OUT done boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC'
SET lock_timeout = '1s' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    next text;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name FOR NO KEY UPDATE;
    IF entry.name IS NULL THEN
        PERFORM runfold.refuse('unknown_backfill', jsonb_build_object('backfill', name));
    END IF;
    IF most < 1 OR most > 100000 OR most IS NULL THEN
        PERFORM runfold.refuse('backfill_step_size', jsonb_build_object('found', most, 'limit', 100000));
    END IF;
    changed := 0;
    done := true;
    IF entry.finished_at IS NOT NULL OR entry.index_name IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT reached, changed FROM runfold.%I($1, $2)', 'backfill_' || name)
       INTO next, changed USING entry.reached, most;
    done := next IS NULL;
    UPDATE runfold.backfills b
       SET reached = next, changed = b.changed + coalesce(changed, 0), steps = b.steps + 1, stepped_at = clock_timestamp(),
           started_at = coalesce(b.started_at, clock_timestamp()),
           finished_at = CASE WHEN done THEN clock_timestamp() END
     WHERE b.name = name;
END
$$;
