-- The body of a version of a definition; null where it is erased, no row where there is no such version.
-- Parameters: stream, workflow, tenant (null: any), version.
SELECT (SELECT d.body FROM runfold.definitions d
         WHERE d.digest = e.data ->> 'digest'
           AND d.user_id IN (e.user_id, (SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s))
         LIMIT 1) AS body
  FROM runfold.streams s
 CROSS JOIN LATERAL (SELECT x.*
                       FROM runfold.events x
                      WHERE x.stream_id = s.stream_id AND x.position BETWEEN s.first_position AND s.last_position
                        AND x.stream_version = %(version)s
                     OFFSET 0) AS e
 WHERE s.stream_id = %(stream)s AND (%(tenant)s::uuid IS NULL OR e.user_id = %(tenant)s)
