-- Counts executions whose rows were removed, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_removed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        SELECT runfold.counted_execution(-1, o.user_id, o.workflow_id, o.status, o.created_at, o.end_time, o.duration_ms)
          FROM old_rows o));
    RETURN NULL;
END
$$;
