-- Commits wait for a synchronous standby, and there is none.
--
-- Appends hang until one connects.
--
-- severity: error
-- needs: pg_read_all_stats
-- where: primary
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object,
       format('synchronous_standby_names is %%L and no standby is synchronous: appends hang', current_setting('synchronous_standby_names')) AS problem,
       'start the standby; to go on without one, ALTER SYSTEM SET synchronous_standby_names = ''''; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('synchronous_standby_names') <> ''
   AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
