-- table_uniques: the columns of a table's unique indexes, each index by itself.
-- Parameters: table (as regclass takes it).
SELECT ARRAY(SELECT a.attname::text
               FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE k.n <= i.indnkeyatts
              ORDER BY k.n)
  FROM pg_index i
 WHERE i.indrelid = %(table)s::regclass AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
