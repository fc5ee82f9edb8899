-- table_shape: what a copy of a table takes from it: columns, checks and keys; one row, another one for another shape.
-- Parameters: table.
SELECT concat_ws(E'\n',
           (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                                        a.attcollation, pg_get_expr(d.adbin, d.adrelid)), E'\n' ORDER BY a.attnum)
              FROM pg_attribute a
              LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
           (SELECT string_agg(pg_get_constraintdef(c.oid), E'\n' ORDER BY c.conname)
              FROM pg_constraint c WHERE c.conrelid = t.oid AND c.contype = 'c'),
           (SELECT string_agg(pg_get_indexdef(i.indexrelid), E'\n' ORDER BY i.indexrelid)
              FROM pg_index i WHERE i.indrelid = t.oid))
  FROM (SELECT %(table)s::regclass::oid AS oid) AS t
