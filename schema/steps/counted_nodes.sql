-- The activations of `changed`, as counted_executions counts executions.
SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
            CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                          WHEN 'SKIPPED' THEN 'other' END,
            coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
  FROM (SELECT c.sign, c.user_id, c.node_type, c.node_subtype, c.status, date_bin('1 day', c.created_at, '2000-01-01Z') AS created_at,
               c.end_time / 86400000 AS ended, runfold.duration_part(c.duration_ms) AS part
          FROM changed c) AS g
 GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
HAVING sum(g.sign) <> 0
