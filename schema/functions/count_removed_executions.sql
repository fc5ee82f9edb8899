-- Counts executions whose rows were removed, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_removed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'TIMEOUT' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
          -- Little is computed for each row, and the rest for those that are alike.
          FROM (SELECT -1 AS sign, o.user_id, o.workflow_id, o.status,
                       date_bin('1 hour', o.created_at, '2000-01-01Z') AS created_at, o.end_time / 3600000 AS ended,
                       runfold.duration_part(o.duration_ms) AS part
                  FROM old_rows o) AS g
         GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0));
    RETURN NULL;
END
$$;
