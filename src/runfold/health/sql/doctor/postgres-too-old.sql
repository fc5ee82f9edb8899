-- The server is an older PostgreSQL than runfold supports.
--
-- severity: error
-- see: how-to/upgrade-postgresql.md
SELECT 'server' AS object,
       format('it is PostgreSQL %%s, and runfold needs %%s or newer', current_setting('server_version'),
              %(oldest_postgres)s::integer / 10000) AS problem,
       'upgrade the server' AS remedy
 WHERE current_setting('server_version_num')::integer < %(oldest_postgres)s
