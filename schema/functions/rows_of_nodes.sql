-- All activations, for the counts of dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.rows_of_nodes() RETURNS runfold.counted_row[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          -- Little is computed for each row, and the rest for those that are alike.
          FROM (SELECT 1 AS sign, n.user_id, n.node_type, n.node_subtype, n.status,
                       date_bin('1 day', n.created_at, '2000-01-01Z') AS created_at, n.end_time / 86400000 AS ended,
                       runfold.duration_part(n.duration_ms) AS part
                  FROM public.node_executions n) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0)
$$;
