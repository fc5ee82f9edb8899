-- There are replication slots, and nothing limits the WAL that is kept for them.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object,
       format('%%s replication slots may keep WAL until the disk is full', (SELECT count(*) FROM pg_replication_slots)) AS problem,
       'ALTER SYSTEM SET max_slot_wal_keep_size = ''50GB''; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('max_slot_wal_keep_size') = '-1' AND EXISTS (SELECT FROM pg_replication_slots)
