-- suspect_written: notes the keys of the rows that were written by a transaction from this one on; too many rather than too few.
-- Parameters: xmin, the oldest transaction that was open when the table was compared, modulo 2^32. The runner puts in the names.
INSERT INTO {suspects}
SELECT {key_columns} FROM {live} AS live WHERE (live.xmin::text::bigint - %(xmin)s + 4294967296) %% 4294967296 < 2147483648
