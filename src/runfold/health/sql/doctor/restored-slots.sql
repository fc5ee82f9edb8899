-- Replicas and followers have what this log may lack: they are made again.
--
-- A base backup brings no replication slots; a standby that follows the former server stays on its timeline.
--
-- severity: warning
-- only: after-restore
-- see: how-to/after-a-restore.md
SELECT 'slot ' || s.slot_name AS object, 'its reader may be ahead of the restored log' AS problem,
       'make its reader again, or pg_rewind a standby' AS remedy
  FROM pg_replication_slots s
UNION ALL
SELECT 'subscription ' || s.subname, 'this database follows another one, which may be at another moment',
       format('make it again: DROP SUBSCRIPTION %%I, copy, CREATE SUBSCRIPTION', s.subname)
  FROM pg_subscription s
 WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
