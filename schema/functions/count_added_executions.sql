-- Counts executions whose rows were added, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_added_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        SELECT runfold.counted_execution(1, n.user_id, n.workflow_id, n.status, n.created_at, n.end_time, n.duration_ms)
          FROM new_rows n));
    RETURN NULL;
END
$$;
