-- Tables identical to the read tables, empty, in a schema of their own: columns, checks, indexes, then the foreign keys between
-- them. A partitioned table becomes a plain one.
--
--   schema  the schema to make
--   tables  the read tables
SELECT format('CREATE SCHEMA %%I', %(schema)s::text)
UNION ALL
SELECT format('CREATE TABLE %%1$I.%%2$I (LIKE %%3$I.%%2$I INCLUDING ALL)', %(schema)s::text, c.relname, c.relnamespace::regnamespace)
  FROM pg_class c
 WHERE c.oid = ANY (%(tables)s::regclass[])
UNION ALL
SELECT format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I FOREIGN KEY (%%s) REFERENCES %%I.%%I (%%s)', %(schema)s::text, c.relname, k.conname,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.n)
                 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, n)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
              %(schema)s::text, f.relname,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.n)
                 FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, n)
                 JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum))
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_class f ON f.oid = k.confrelid
 WHERE k.contype = 'f' AND k.conrelid = ANY (%(tables)s::regclass[]) AND k.confrelid = ANY (%(tables)s::regclass[])
