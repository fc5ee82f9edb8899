-- An index was not built to its end, or lacks the index of a partition.
--
-- No query uses it, and a UNIQUE one may not be kept.
--
-- severity: warning
-- see: how-to/dashboards.md#advice
SELECT i.indexrelid::regclass::text AS object, format('it is invalid: no query of %%s uses it', i.indrelid::regclass) AS problem,
       CASE c.relkind WHEN 'I' THEN 'build it on each partition, and attach these: ALTER INDEX … ATTACH PARTITION …'
                      ELSE format('REINDEX INDEX CONCURRENTLY %%s', i.indexrelid::regclass) END AS remedy
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND n.nspname IN ('runfold', 'runfold_partitions', 'public', 'projections')
