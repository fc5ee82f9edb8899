-- Autovacuum is off, for the server or for a table.
--
-- Dead rows stay, statistics grow old, and transaction ids run out.
--
-- severity: warning
-- see: how-to/dashboards.md#advice
SELECT 'server' AS object, 'autovacuum is off: dead rows stay, and statistics grow old' AS problem,
       'ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('autovacuum') = 'off'
UNION ALL
SELECT c.oid::regclass::text, 'autovacuum is off for it: dead rows stay, and statistics grow old',
       format('ALTER TABLE %%s RESET (autovacuum_enabled)', c.oid::regclass)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('runfold', 'runfold_partitions', 'public', 'projections')
   AND EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE o ~ '^autovacuum_enabled=(false|off|no|0)$')
