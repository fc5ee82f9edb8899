-- Notes the statement that a backfill of an index has run, and its end when none is left; returns whether it has ended.
--
-- grant: operator
CREATE FUNCTION runfold.end_index_backfill(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    ended constant boolean := NOT EXISTS (SELECT FROM runfold.index_statements(name));
BEGIN
    UPDATE runfold.backfills b
       SET changed = b.changed + 1, steps = b.steps + 1, stepped_at = clock_timestamp(),
           started_at = coalesce(b.started_at, clock_timestamp()),
           finished_at = CASE WHEN ended THEN clock_timestamp() END
     WHERE b.name = name AND b.index_name IS NOT NULL AND b.finished_at IS NULL;
    RETURN ended;
END
$$;
