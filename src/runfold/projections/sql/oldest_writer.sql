-- oldest_writer: the oldest transaction that may still write, modulo 2^32: rows of it and of later ones came afterwards.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296)::bigint
