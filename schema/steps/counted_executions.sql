-- The executions of `changed`, a row for those that are alike: what is added (sign 1) and what is taken away (-1) cancels out.
-- Little is computed for each row, and the rest for those that are alike.
SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
            CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                          WHEN 'TIMEOUT' THEN 'other' END,
            coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
  FROM (SELECT c.sign, c.user_id, c.workflow_id, c.status, date_bin('1 hour', c.created_at, '2000-01-01Z') AS created_at,
               c.end_time / 3600000 AS ended, runfold.duration_part(c.duration_ms) AS part
          FROM changed c) AS g
 GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
HAVING sum(g.sign) <> 0
