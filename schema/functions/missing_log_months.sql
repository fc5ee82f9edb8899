-- The months, from the last one to `ahead` months from now, that workflow_execution_logs has no partition for.
--
-- A month whose rows are in the default partition already stays there.
--
-- grant: projector, operator
CREATE FUNCTION runfold.missing_log_months(ahead integer DEFAULT 3) RETURNS SETOF timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
    SELECT m.month AT TIME ZONE 'UTC'
      FROM generate_series(-1, ahead) AS i,
           LATERAL (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + i * interval '1 month') AS m (month)
     WHERE to_regclass('runfold_partitions.workflow_execution_logs_' || to_char(m.month, 'YYYYMM')) IS NULL
       AND NOT EXISTS (SELECT FROM runfold_partitions.workflow_execution_logs_default d
                        WHERE d.created_at >= m.month AT TIME ZONE 'UTC'
                          AND d.created_at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
     ORDER BY i
$$;
