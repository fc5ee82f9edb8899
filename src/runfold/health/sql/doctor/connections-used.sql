-- Most of the server's connections are used.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, format('%%s of %%s connections are used', u.used, current_setting('max_connections')) AS problem,
       'make pools smaller, put a pooler before the engines, or raise max_connections' AS remedy
  FROM (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS u (used)
 WHERE u.used > %(connections_used)s * current_setting('max_connections')::integer
