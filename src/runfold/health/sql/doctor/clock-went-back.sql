-- The last event was recorded in the future: the server's clock went back.
--
-- Times of new events are before those of older ones, and timeouts come late.
--
-- severity: warning
-- reads: runfold.events
-- see: concepts.md
SELECT 'event at ' || e.position AS object,
       format('it was recorded at %%s UTC, and the server has %%s', to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
              to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       'look at the clock of the server, and of the one that was primary before' AS remedy
  FROM (SELECT position, recorded_at FROM runfold.events ORDER BY position DESC LIMIT 1) AS e
 WHERE e.recorded_at > clock_timestamp() + make_interval(secs => %(clock_ahead_seconds)s)
