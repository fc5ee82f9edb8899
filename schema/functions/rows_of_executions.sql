-- All executions, for the counts of dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.rows_of_executions() RETURNS runfold.counted_row[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM public.workflow_executions n)
        -- step: counted_executions
    )
$$;
