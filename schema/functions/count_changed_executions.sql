-- Counts executions whose rows were changed, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_changed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        SELECT CASE s.sign WHEN 1 THEN c.new_row ELSE c.old_row END
          FROM old_rows o
          JOIN new_rows n ON n.id = o.id
         CROSS JOIN LATERAL (SELECT runfold.counted_execution(-1, o.user_id, o.workflow_id, o.status, o.created_at, o.end_time, o.duration_ms) AS old_row,
                                    runfold.counted_execution(1, n.user_id, n.workflow_id, n.status, n.created_at, n.end_time, n.duration_ms) AS new_row) AS c
         CROSS JOIN (VALUES (1), (-1)) AS s (sign)
         -- Most changes are of rows that have not ended, and change no count.
         WHERE (n.user_id, n.workflow_id, n.status, n.created_at, n.end_time, n.duration_ms)
               IS DISTINCT FROM
               (o.user_id, o.workflow_id, o.status, o.created_at, o.end_time, o.duration_ms)
           AND ((c.old_row).outcome IS NOT NULL OR (c.new_row).outcome IS NOT NULL
                OR (n.user_id, n.workflow_id, n.created_at)
                   IS DISTINCT FROM (o.user_id, o.workflow_id, o.created_at))));
    RETURN NULL;
END
$$;
