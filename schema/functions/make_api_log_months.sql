-- Makes the monthly partitions of external_api_call_logs, from the last month to `ahead` months from now; returns how many.
--
-- It waits for nobody longer than a moment: a month that cannot be made, because of a reader, is left
-- out with a warning and made by a later call. A month whose rows are in the default partition stays
-- there, and one that has expired is not made again.
--
-- grant: projector, operator
CREATE FUNCTION runfold.make_api_log_months(ahead integer DEFAULT 12) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    month timestamptz;
    upto timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    FOR month, upto IN
        SELECT m.month AT TIME ZONE 'UTC', (m.month + interval '1 month') AT TIME ZONE 'UTC'
          FROM generate_series(-1, ahead) AS i,
               LATERAL (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + i * interval '1 month') AS m (month)
         WHERE to_regclass('runfold_partitions.external_api_call_logs_' || to_char(m.month, 'YYYYMM')) IS NULL
           AND (m.month + interval '1 month') AT TIME ZONE 'UTC'
               > (SELECT coalesce(max(clock_timestamp() - r.keep), '-infinity') FROM runfold.retention r
                   WHERE r.table_name = 'public.external_api_call_logs')
         ORDER BY i
    LOOP
        BEGIN
            CONTINUE WHEN EXISTS (SELECT FROM runfold_partitions.external_api_call_logs_default d
                                   WHERE d.called_at >= month AND d.called_at < upto);
            PERFORM runfold.attach_month('external_api_call_logs', 'called_at', month);
            made := made + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the partition of external_api_call_logs for % cannot be made: %', month, SQLERRM;
        END;
    END LOOP;
    RETURN made;
END
$$;
