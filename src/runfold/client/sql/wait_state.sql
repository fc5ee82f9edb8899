-- wait_state: whether the groups of these projections have reached a position, and whether the stream at it is parked.
-- Parameters: position, projections (text[], null: all).
SELECT coalesce(bool_and(c.position >= %(position)s), false) AS reached,
       (SELECT e.stream_id
                   FROM runfold.events e
                   JOIN runfold.parked_streams p ON p.stream_id = e.stream_id
                  WHERE e.position = %(position)s
                    AND p.group_name IN (SELECT r.group_name FROM runfold.projections r
                                          WHERE %(projections)s::text[] IS NULL OR r.name = ANY (%(projections)s))
                  LIMIT 1) AS parked,
       (SELECT n.name FROM unnest(%(projections)s::text[]) AS n (name)
         WHERE NOT EXISTS (SELECT FROM runfold.projections r WHERE r.name = n.name) LIMIT 1) AS unknown
  FROM runfold.checkpoints c
 WHERE %(projections)s::text[] IS NULL
    OR c.group_name IN (SELECT r.group_name FROM runfold.projections r WHERE r.name = ANY (%(projections)s))
