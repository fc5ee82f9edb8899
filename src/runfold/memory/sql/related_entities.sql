-- The entities around one, the nearest first, over relationships in both directions.
-- Parameters: user, entity, depth, limit.
WITH RECURSIVE reached (id, distance) AS (
    SELECT %(entity)s::uuid, 0
     UNION
    SELECT next.id, w.distance + 1
      FROM reached w
     CROSS JOIN LATERAL (
           SELECT r.target_entity_id FROM public.entity_relationships r WHERE r.user_id = %(user)s
                  AND r.source_entity_id = w.id
            UNION ALL
           SELECT r.source_entity_id FROM public.entity_relationships r WHERE r.user_id = %(user)s
                  AND r.target_entity_id = w.id
           ) AS next (id)
     WHERE w.distance < %(depth)s
)
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count, n.distance
  FROM (SELECT w.id, min(w.distance) AS distance FROM reached w GROUP BY w.id) AS n
  JOIN public.entities e ON e.user_id = %(user)s AND e.id = n.id
 WHERE n.distance > 0
 ORDER BY n.distance, e.importance_score DESC, e.id
 LIMIT %(limit)s
