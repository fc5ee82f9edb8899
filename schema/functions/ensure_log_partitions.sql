-- Makes the monthly partitions of workflow_execution_logs ahead of time.
--
-- From the last month to `ahead` months from now; returns how many were made. A month that cannot be
-- made, because of a partition of your own or of a reader, is left out with a warning; the others
-- are made.
--
-- grant: projector, operator
CREATE FUNCTION runfold.ensure_log_partitions(ahead integer DEFAULT 12) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamptz;
    made integer := 0;
BEGIN
    FOR month IN SELECT m FROM runfold.missing_log_months(ahead) AS m LOOP
        BEGIN
            PERFORM runfold.make_log_partition(month);
            made := made + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the partition of workflow_execution_logs for % cannot be made: %', month, SQLERRM;
        END;
    END LOOP;
    RETURN made;
END
$$;
