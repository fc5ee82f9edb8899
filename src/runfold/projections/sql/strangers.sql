-- strangers: a row of a shadow whose column that names the stream holds none of some values, in lower case.
-- Parameters: values (text[]). The column and the shadow are put in by the caller.
SELECT {stream_key}::text FROM {shadow} WHERE coalesce(lower({stream_key}::text), '') <> ALL (%(values)s) LIMIT 1
