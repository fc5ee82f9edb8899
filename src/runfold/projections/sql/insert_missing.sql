-- insert_missing: inserts the rows that the table lacks. The runner puts in the names.
INSERT INTO {live} ({written})
SELECT {folded_columns} FROM {shadow} AS folded JOIN {found} AS s ON {shadow_is_suspect} WHERE s.missing
