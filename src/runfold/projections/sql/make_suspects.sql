-- make_suspects: an empty table for the keys of rows that may differ. The runner puts in the names.
CREATE TEMPORARY TABLE {suspects} AS SELECT {key_columns} FROM {live} AS live WITH NO DATA
