-- columns: of the tables and views of public and runfold, partitions left out, in the order of the table.
SELECT n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
       pg_get_expr(d.adbin, d.adrelid) AS "default", col_description(c.oid, a.attnum) AS comment
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname IN ('public', 'runfold') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum
