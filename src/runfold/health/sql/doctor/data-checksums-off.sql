-- The server has no checksums of its pages: what a disk damages is not noticed.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, 'data checksums are off: a damaged page is read as if it were good' AS problem,
       'stop the server, and run `pg_checksums --enable` on its data directory' AS remedy
 WHERE current_setting('data_checksums') = 'off'
