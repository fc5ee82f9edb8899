-- And the log itself, which all of this can be folded from again
SELECT category, count(*) AS events, count(DISTINCT stream_id) AS streams,
       min(position) AS first, max(position) AS last
  FROM runfold.events
 GROUP BY category
 ORDER BY min(position)
