-- Statements that take more than a second: those that run now, and by pg_stat_statements, where it is installed, on average.
--
-- grant: operator
CREATE FUNCTION runfold.slow_statements() RETURNS TABLE (
    source text, pid integer, calls bigint, mean_ms double precision, total_ms double precision, statement text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    extension constant text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                                 WHERE e.extname = 'pg_stat_statements');
BEGIN
    RETURN QUERY
    SELECT 'running', a.pid, 1::bigint, t.ms, t.ms, left(a.query, 1000)
      FROM pg_stat_activity a
     CROSS JOIN LATERAL (SELECT extract(epoch FROM clock_timestamp() - a.query_start)::double precision * 1000 AS ms) AS t
     WHERE a.datname = current_database() AND a.state = 'active' AND a.pid <> pg_backend_pid() AND t.ms > 1000;
    IF extension IS NOT NULL AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' THEN
        RETURN QUERY EXECUTE format(
            'SELECT ''statements'', NULL::integer, s.calls, s.mean_exec_time, s.total_exec_time, left(s.query, 1000)'
            ' FROM %I.pg_stat_statements s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())'
            ' AND s.mean_exec_time > 1000', extension);
    END IF;
END
$$;
