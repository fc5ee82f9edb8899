-- Makes the partition of workflow_execution_logs for a month.
--
-- It waits for nobody longer than a moment: whoever reads the default partition keeps it from being
-- made, and everybody who comes later would wait behind it.
--
-- grant: projector, operator
CREATE FUNCTION runfold.make_log_partition(month timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    IF to_regclass('runfold_partitions.workflow_execution_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM')) IS NULL THEN
        PERFORM runfold.attach_month('workflow_execution_logs', 'created_at', month);
    END IF;
END
$$;
