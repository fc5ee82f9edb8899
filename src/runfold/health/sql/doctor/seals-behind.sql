-- Settled events are not sealed for long.
--
-- What is not sealed can be changed by a superuser without a trace. A worker seals when it is idle, and once a minute.
--
-- severity: warning
-- reads: runfold.events
-- where: primary
-- see: how-to/prove-the-log.md
SELECT 'runfold.seals' AS object,
       format('the log is sealed up to %%s, and the event at %%s was recorded at %%s UTC', s.position, e.position,
              to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       'run a worker; if one leads, its log says what hinders it' AS remedy
  FROM (SELECT coalesce(max(last_position), 0) AS position FROM runfold.seals) AS s
 CROSS JOIN LATERAL (SELECT x.position, x.recorded_at FROM runfold.events x WHERE x.position > s.position ORDER BY x.position LIMIT 1) AS e
 WHERE e.recorded_at < clock_timestamp() - make_interval(secs => %(seal_age_seconds)s) AND e.position <= runfold.safe_head()
