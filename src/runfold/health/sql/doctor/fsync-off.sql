-- The server does not wait until the log is on the disk.
--
-- A power cut can lose what was acknowledged, or damage the database as a whole.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, 'fsync is off: a power cut can lose or damage the database' AS problem,
       'ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('fsync') = 'off'
