-- Counts activations whose rows were removed, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_removed_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          -- Little is computed for each row, and the rest for those that are alike.
          FROM (SELECT -1 AS sign, o.user_id, o.node_type, o.node_subtype, o.status,
                       date_bin('1 day', o.created_at, '2000-01-01Z') AS created_at, o.end_time / 86400000 AS ended,
                       runfold.duration_part(o.duration_ms) AS part
                  FROM old_rows o) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0));
    RETURN NULL;
END
$$;
