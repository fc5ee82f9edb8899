-- The versions of a definition, the newest first, and whether the body of each is erased; last, the stream's tenant.
-- A workflow that was given to another user has its newer bodies there.
-- Parameters: stream, workflow, tenant (null: any), before (a version; null: from the newest on), limit.
SELECT e.stream_version, e.position, e.data ->> 'digest' AS digest, (e.data ->> 'nodes')::integer AS nodes,
       (e.data ->> 'connections')::integer AS connections, e.data ->> 'by' AS actor, e.recorded_at,
       NOT EXISTS (SELECT FROM runfold.definitions d
                    WHERE d.digest = e.data ->> 'digest'
                      AND d.user_id IN (e.user_id, (SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s))) AS erased,
       e.user_id
  FROM runfold.streams s
 CROSS JOIN LATERAL (SELECT x.*
                       FROM runfold.events x
                      WHERE x.stream_id = s.stream_id AND x.position BETWEEN s.first_position AND s.last_position
                        AND (%(before)s::bigint IS NULL OR x.stream_version < %(before)s)
                        AND (%(tenant)s::uuid IS NULL OR x.user_id = %(tenant)s)
                      ORDER BY x.stream_version DESC
                      LIMIT %(limit)s) AS e
 WHERE s.stream_id = %(stream)s
 ORDER BY e.stream_version DESC
