-- insert_numbered: inserts some of the rows that the table lacks. What another row stands in the way of is left for later.
-- Parameters: after, upto. The runner puts in the names.
INSERT INTO {live} ({written})
SELECT {folded_columns} FROM {shadow} AS folded JOIN {numbered} AS s ON {shadow_is_suspect}
 WHERE s.number > %(after)s AND s.number <= %(upto)s
    ON CONFLICT DO NOTHING
