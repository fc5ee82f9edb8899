-- A standby is behind.
--
-- Its readers see the past; a fail-over to it would lose events, unless it is synchronous.
--
-- severity: warning
-- needs: pg_read_all_stats
-- see: how-to/use-your-own-postgresql.md
SELECT 'standby ' || r.application_name AS object, format('it is %%s behind', date_trunc('milliseconds', r.replay_lag)) AS problem,
       'look at its log and its disk; long queries on it hold it up' AS remedy
  FROM pg_stat_replication r
 WHERE r.replay_lag > make_interval(secs => %(replication_lag_seconds)s)
