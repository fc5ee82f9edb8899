-- select_vocabulary: a stream's events between versions, in order, upcast, as JSON text.
-- Parameters: stream_id, gt, lte, limit (null: none of it).
SELECT e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_stream(%(stream_id)s, coalesce(%(gt)s, 0), %(limit)s) AS e
 WHERE e.data IS NOT NULL AND (%(lte)s::bigint IS NULL OR e.stream_version <= %(lte)s)
 ORDER BY e.stream_version
