-- rules: constraints, except NOT NULL, which is a property of columns, and indexes, except those of constraints.
SELECT n.nspname::text AS schema, c.relname::text AS relation, r.kind, r.name, r.definition
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
       SELECT 'constraint' AS kind, k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition
         FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c')
       UNION ALL
       SELECT 'index', x.relname::text, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
     ) AS r
 WHERE n.nspname IN ('public', 'runfold') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", r.kind, r.name COLLATE "C"
