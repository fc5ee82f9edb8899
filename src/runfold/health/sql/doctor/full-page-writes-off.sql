-- The server does not protect its pages from being written in part.
--
-- A power cut in the middle of a write leaves a page that no recovery repairs.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, 'full_page_writes is off: a power cut can leave damaged pages' AS problem,
       'ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('full_page_writes') = 'off'
