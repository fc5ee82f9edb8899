-- suspect_all: notes the keys that compare_all found. The runner puts in the names.
INSERT INTO {suspects} SELECT * FROM {compared}
