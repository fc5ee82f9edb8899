-- Makes the monthly partitions of workflow_execution_logs ahead of time.
--
-- From the last month to `ahead` months from now; returns how many were made. A month whose rows
-- are in the default partition already stays there.
--
-- grant: projector, operator
CREATE FUNCTION runfold.ensure_log_partitions(ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamptz;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    FOR i IN -1 .. ahead LOOP
        month := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        month := ((month AT TIME ZONE 'UTC') + i * interval '1 month') AT TIME ZONE 'UTC';
        partition := 'workflow_execution_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
        IF to_regclass(format('public.%I', partition)) IS NULL AND NOT EXISTS (
            SELECT FROM public.workflow_execution_logs_default d
             WHERE d.created_at >= month AND d.created_at < ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC')
        THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.workflow_execution_logs FOR VALUES FROM (%L) TO (%L)',
                           partition, month, ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
