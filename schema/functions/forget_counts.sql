-- Empties the counts of a table that was emptied, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.forget_counts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'workflow_executions' THEN
        DELETE FROM public.execution_hours;
        DELETE FROM public.execution_days;
    ELSE
        DELETE FROM public.node_days;
    END IF;
    RETURN NULL;
END
$$;
