-- The log has a DEFAULT partition.
--
-- Events that it takes keep the worker from making the partition that they belong into.
--
-- severity: error
-- see: how-to/run-the-worker.md
SELECT p.partdefid::regclass::text AS object, 'it is a DEFAULT partition of the log: new partitions cannot be made' AS problem,
       format('if it is empty: ALTER TABLE runfold.events DETACH PARTITION %%s', p.partdefid::regclass) AS remedy
  FROM pg_partitioned_table p
 WHERE p.partrelid = 'runfold.events'::regclass AND p.partdefid <> 0
