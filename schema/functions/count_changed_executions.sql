-- Counts executions whose rows were changed, for dashboards.
--
-- What is alike before and after cancels out.
--
-- grant: nobody
CREATE FUNCTION runfold.count_changed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n UNION ALL SELECT -1 AS sign, o.* FROM old_rows o)
        -- step: counted_executions
    ));
    RETURN NULL;
END
$$;
