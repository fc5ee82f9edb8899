-- parked_streams: every parked stream with its error and how many of its events wait behind the bad one, newest first.
-- Parameters: groups (jsonb: name -> event types; of a group that is not in it, every event counts), stream (null: any).
SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error, p.parked_at,
       (SELECT count(*)
          FROM runfold.events e
         WHERE e.stream_id = p.stream_id AND e.position > p.position
           AND coalesce(%(groups)s::jsonb -> p.group_name ? e.type, true)) AS waiting
  FROM runfold.parked_streams p
 WHERE %(stream)s::text IS NULL OR p.stream_id = %(stream)s
 ORDER BY p.parked_at DESC, p.group_name, p.stream_id
