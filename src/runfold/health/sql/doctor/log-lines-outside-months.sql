-- Log lines lie outside of the monthly partitions.
--
-- Their month cannot get a partition of its own as long as they are there.
--
-- severity: warning
-- see: how-to/keep-and-expire.md
SELECT c.oid::regclass::text AS object, 'it holds log lines that no monthly partition had room for' AS problem,
       '`runfold retention run`, if they have expired; else move them as the owner' AS remedy
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'runfold_partitions' AND c.relname = 'workflow_execution_logs_default' AND pg_relation_size(c.oid) > 0
   AND (pg_stat_get_live_tuples(c.oid) > 0 OR (c.reltuples <> 0 AND pg_stat_get_tuples_inserted(c.oid) = 0))
