-- What would make the database faster: kind, object, reason, statement, and whether the statement is harmless.
-- Parameters: big (rows from which a table counts as big).
WITH ours AS (
    SELECT c.oid, c.relname, c.reltuples, c.reloptions, format('%%I.%%I', n.nspname, c.relname) AS name, s.n_live_tup, s.n_mod_since_analyze,
           s.seq_scan, s.seq_tup_read, coalesce(s.idx_scan, 0) AS idx_scan, greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
     WHERE n.nspname IN ('public', 'runfold', 'projections') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
), indexes AS (
    SELECT i.*, o.name AS table_name, i.indexrelid::regclass::text AS name, a.amname
      FROM pg_catalog.pg_index i
      JOIN ours o ON o.oid = i.indrelid
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
      JOIN pg_catalog.pg_am a ON a.oid = x.relam
)
SELECT 'invalid index', i.name, 'its creation failed: no query uses it', format('REINDEX INDEX CONCURRENTLY %%s', i.name), true
  FROM indexes i
 WHERE NOT i.indisvalid
UNION ALL
SELECT 'duplicate index', b.name, format('%%s serves all that it serves', a.name), format('DROP INDEX CONCURRENTLY %%s', b.name), false
  FROM indexes a
  JOIN ours o ON o.oid = a.indrelid AND o.reltuples >= %(big)s
  JOIN indexes b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.amname = a.amname AND NOT b.indisunique
   AND b.indexprs IS NOT DISTINCT FROM a.indexprs AND b.indpred IS NOT DISTINCT FROM a.indpred
   AND ((b.indkey = a.indkey AND b.indclass = a.indclass AND b.indcollation = a.indcollation AND b.indoption = a.indoption
         AND (a.indisunique OR b.indexrelid > a.indexrelid))
        -- The beginning of a longer B-tree.
        OR (a.amname = 'btree' AND a.indexprs IS NULL AND a.indnkeyatts > b.indnkeyatts
            AND a.indkey::text LIKE b.indkey::text || ' %%' AND a.indclass::text LIKE b.indclass::text || ' %%'
            AND a.indcollation::text LIKE b.indcollation::text || ' %%' AND a.indoption::text LIKE b.indoption::text || ' %%'))
UNION ALL
SELECT 'unused index', i.name, 'no query has used it since the statistics were reset', format('DROP INDEX CONCURRENTLY %%s', i.name), false
  FROM indexes i
  JOIN ours o ON o.oid = i.indrelid
  JOIN pg_catalog.pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
 WHERE s.idx_scan = 0 AND NOT i.indisunique AND i.indisvalid AND o.reltuples >= %(big)s
UNION ALL
SELECT 'unindexed foreign key', o.name, format('%%s: a change of the other table reads all rows of this one', k.conname),
       format('CREATE INDEX CONCURRENTLY ON %%s (%%s)', o.name,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.n)
                 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, n)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum)), false
  FROM pg_catalog.pg_constraint k
  JOIN ours o ON o.oid = k.conrelid
 WHERE k.contype = 'f' AND k.conparentid = 0
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                    WHERE i.indrelid = k.conrelid AND i.indisvalid
                      AND (i.indkey::smallint[])[0 : cardinality(k.conkey) - 1] @> k.conkey)
UNION ALL
SELECT 'missing index', o.name,
       format('it was read from end to end %%s times, %%s rows each: look for its condition in the slow queries', o.seq_scan,
              o.seq_tup_read / greatest(o.seq_scan, 1)), NULL, false
  FROM ours o
 WHERE o.seq_scan > 100 AND o.seq_tup_read / greatest(o.seq_scan, 1) >= %(big)s AND o.seq_scan > o.idx_scan
UNION ALL
SELECT 'statistics', o.name, 'it was never analyzed: the planner guesses', format('ANALYZE %%s', o.name), true
  FROM ours o
 WHERE o.analyzed_at IS NULL AND o.n_live_tup >= least(%(big)s, 1000)
UNION ALL
SELECT 'autovacuum', o.name, format('of %%s rows a fifth must be dead before it is vacuumed', o.reltuples::bigint),
       format('ALTER TABLE %%s SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', o.name), true
  FROM ours o
  JOIN pg_catalog.pg_class c ON c.oid = o.oid AND c.relkind = 'r'
 WHERE o.reltuples >= 100 * %(big)s::real AND coalesce(array_to_string(o.reloptions, ','), '') !~ 'autovacuum_vacuum_scale_factor'
UNION ALL
SELECT 'statistics target', format('%%s.%%I', o.name, a.attname), 'its most frequent values are more than the planner keeps',
       format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS 1000', o.name, a.attname), true
  FROM ours o
  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid AND a.attname IN ('user_id', 'workflow_id', 'collection_name')
  JOIN pg_catalog.pg_stats t ON t.tablename = o.relname AND format('%%I.%%I', t.schemaname, t.tablename) = o.name AND t.attname = a.attname
 WHERE o.reltuples >= 100 * %(big)s::real AND coalesce(a.attstattarget, -1) < 0
   AND (t.n_distinct > 100 OR (t.n_distinct < 0 AND -t.n_distinct * o.reltuples > 100))
ORDER BY 1, 2
