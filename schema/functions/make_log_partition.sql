-- Makes the partition of workflow_execution_logs for a month.
--
-- It waits for nobody longer than a moment: whoever reads the default partition keeps it from being
-- made, and everybody who comes later would wait behind it. CREATE LIKE + ATTACH leaves the parent
-- open to readers and writers (PARTITION OF does not).
--
-- grant: projector, operator
CREATE FUNCTION runfold.make_log_partition(month timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    partition constant text := 'workflow_execution_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    IF to_regclass(format('runfold_partitions.%I', partition)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE runfold_partitions.%I (LIKE public.workflow_execution_logs INCLUDING ALL)', partition);
    EXECUTE format('ALTER TABLE public.workflow_execution_logs ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%L) TO (%L)',
                   partition, month, ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
END
$$;
