-- Drops a partition of a table, unless somebody reads or writes the table just now; returns whether it did.
--
-- To drop it takes the lock of the whole table, for which it waits 100 ms at most: everybody who comes
-- later waits behind it. The lock is held to the end of the transaction, so this is the last that one does.
--
-- grant: nobody
CREATE FUNCTION runfold.drop_partition(leaf regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    EXECUTE format('DROP TABLE %s', leaf);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
