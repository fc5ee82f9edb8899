-- The body of a version of a definition; null where it is erased, no row where there is no such version.
-- Parameters: stream, workflow, tenant (null: any), version.
SELECT (SELECT d.body FROM runfold.definitions d
         WHERE d.digest = e.data ->> 'digest'
           AND d.user_id IN (e.user_id, (SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s))
         LIMIT 1) AS body
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version = %(version)s
   AND (%(tenant)s::uuid IS NULL OR e.user_id = %(tenant)s)
