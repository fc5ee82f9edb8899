-- Removes all that has expired in a table, in the caller's transaction; returns how many rows that were.
--
-- The worker and `runfold retention run` call runfold.expire in a transaction of its own for each part:
-- folds of the table's group wait no longer than a part takes.
--
-- grant: operator
CREATE FUNCTION runfold.expire_all(table_name text, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step record;
    total bigint := 0;
BEGIN
    LOOP
        SELECT * INTO step FROM runfold.expire(expire_all.table_name, expire_all.keep);
        total := total + step.removed;
        EXIT WHEN step.done;
    END LOOP;
    RETURN total;
END
$$;
