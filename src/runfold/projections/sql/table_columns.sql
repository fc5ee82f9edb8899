-- table_columns: a table's columns in their order: name, type, and whether it is computed from others.
-- Parameters: table (as regclass takes it).
SELECT a.attname, format_type(a.atttypid, NULL), a.attgenerated <> ''
  FROM pg_attribute a
 WHERE a.attrelid = %(table)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
