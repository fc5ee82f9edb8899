-- select_vocabulary_backwards: as select_vocabulary, the last event first.
-- Parameters: stream_id, gt, lte, limit (null: none of it).
SELECT e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_stream(%(stream_id)s, coalesce(%(gt)s, 0)) AS e
 WHERE e.data IS NOT NULL AND (%(lte)s::bigint IS NULL OR e.stream_version <= %(lte)s)
 ORDER BY e.stream_version DESC
 LIMIT %(limit)s
