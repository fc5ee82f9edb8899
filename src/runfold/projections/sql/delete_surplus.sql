-- delete_surplus: deletes the rows that the log does not have. The runner puts in the names.
DELETE FROM {live} AS live USING {found} AS s WHERE s.surplus AND {live_is_suspect}
