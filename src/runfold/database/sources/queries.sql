-- name: keyed_tables
-- The tables of runfold that have a primary key: name, columns of the key, all columns but times.
SELECT format('runfold.%s', c.relname),
       (SELECT array_agg(a.attname::text ORDER BY k.n)
          FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum),
       (SELECT array_agg(a.attname::text ORDER BY a.attname)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'timestamptz'::regtype
           AND (c.oid, a.attname) <> (to_regclass('runfold.log_identity'), 'id')
           -- Each migration begins another one.
           AND (c.oid, a.attname) <> (to_regclass('runfold.leader'), 'epoch'))
  FROM pg_class c
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
 WHERE c.relnamespace = 'runfold'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
 ORDER BY c.relname
