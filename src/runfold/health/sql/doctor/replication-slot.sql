-- A replication slot is not used, or has lost what it was to keep.
--
-- The server keeps all WAL for a slot that nobody reads.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'slot ' || s.slot_name AS object,
       CASE WHEN s.wal_status IN ('unreserved', 'lost') THEN format('its WAL is %%s: its reader has to be made again', s.wal_status)
            ELSE 'nobody reads it, and the server keeps all WAL for it' END AS problem,
       format('start its reader, or SELECT pg_drop_replication_slot(%%L)', s.slot_name) AS remedy
  FROM pg_replication_slots s
 WHERE NOT s.active OR s.wal_status NOT IN ('reserved', 'extended')
