-- A partition of the log has fewer indexes than the log.
--
-- Look-ups read the whole partition.
--
-- severity: warning
-- see: how-to/dashboards.md#advice
SELECT i.inhrelid::regclass::text AS object, format('it lacks an index like %%s: look-ups read all of it', p.indexrelid::regclass) AS problem,
       format('build it on the partition, then ALTER INDEX %%s ATTACH PARTITION …', p.indexrelid::regclass) AS remedy
  FROM pg_inherits i
  JOIN pg_index p ON p.indrelid = i.inhparent
 WHERE i.inhparent = 'runfold.events'::regclass
   AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_inherits h ON h.inhrelid = x.indexrelid
                    WHERE x.indrelid = i.inhrelid AND h.inhparent = p.indexrelid)
