-- read_vocabulary: events of these types after a position, upcast, as JSON text, never past the safe head.
-- Parameters: after, stop, types (text[]), limit.
SELECT e.position, e.stream_id, e.stream_version, e.type, convert_to(e.data::text, 'UTF8')
  FROM runfold.read_all(%(after)s, %(limit)s, %(types)s) AS e
 WHERE e.data IS NOT NULL AND (%(stop)s::bigint IS NULL OR e.position <= %(stop)s)
 ORDER BY e.position
