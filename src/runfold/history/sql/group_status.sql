-- group_status: how far a group is behind the safe head: its events, counted to 10,000, and the age of the first of them.
-- Parameters: group, types (text[]).
SELECT coalesce(c.position, 0) AS checkpoint, c.moved_at, c.stopped_error,
       lag.events AS lag_events, coalesce(extract(epoch FROM clock_timestamp() - lag.since), 0)::double precision AS lag_seconds,
       (SELECT count(*) FROM runfold.parked_streams p WHERE p.group_name = %(group)s) AS parked
  FROM (SELECT %(group)s::text AS name) AS g
  LEFT JOIN runfold.checkpoints c ON c.group_name = g.name
 CROSS JOIN LATERAL (
       SELECT count(*) AS events, min(b.recorded_at) AS since
         FROM (SELECT e.recorded_at FROM runfold.events e
                WHERE e.position > coalesce(c.position, 0) AND e.type = ANY (%(types)s)
                ORDER BY e.position LIMIT 10000) AS b) AS lag
