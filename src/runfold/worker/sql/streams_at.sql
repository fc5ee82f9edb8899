-- streams_at: the streams of the first events from some positions on. Parameters: positions (bigint[]).
SELECT DISTINCT e.stream_id
  FROM unnest(%(positions)s::bigint[]) AS p (position)
 CROSS JOIN LATERAL (SELECT stream_id FROM runfold.events e WHERE e.position >= p.position ORDER BY e.position LIMIT 1) AS e
