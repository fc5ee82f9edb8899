-- A subscription's next event was recorded long ago.
--
-- severity: warning
-- reads: runfold.events
-- see: how-to/subscribe.md
SELECT 'subscription ' || s.name AS object,
       format('its next event, at %%s, was recorded at %%s UTC', e.position, to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       format('`runfold subscription show %%s`: who consumes it, and what fails', s.name) AS remedy
  FROM (SELECT runfold.safe_head() AS position OFFSET 0) AS head
 CROSS JOIN runfold.subscriptions s
 CROSS JOIN LATERAL (SELECT x.position, x.recorded_at FROM runfold.events x
                      WHERE x.position > s.position AND x.position <= head.position
                      ORDER BY x.position LIMIT 1) AS e
 WHERE e.recorded_at < clock_timestamp() - make_interval(secs => %(subscription_lag_seconds)s)
   AND s.moved_at < clock_timestamp() - make_interval(secs => %(subscription_lag_seconds)s)
   AND s.moved_at >= clock_timestamp() - make_interval(secs => %(bookmark_age_seconds)s)
