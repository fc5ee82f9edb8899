-- suspect_streams: notes the keys of a table's rows that belong to some streams. The runner puts in the names.
-- Parameters: values, what the column that names the stream may hold.
INSERT INTO {suspects} SELECT {key_columns} FROM {rows} AS live WHERE {of_streams}
