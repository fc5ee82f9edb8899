-- Every collection with its number of rows and its index, the largest first.
-- Parameters: user, collection; each may be null.
SELECT v.user_id, v.collection_name, v.dimensions, v.index_name, v.is_valid, v.bytes, coalesce(e.rows, 0) AS rows
  FROM runfold.vector_indexes v
  LEFT JOIN (SELECT e.user_id, e.collection_name, count(*) AS rows
               FROM public.vector_embeddings e
              WHERE (%(user)s::uuid IS NULL OR e.user_id = %(user)s)
                AND (%(collection)s::text IS NULL OR e.collection_name = %(collection)s)
              GROUP BY e.user_id, e.collection_name) AS e
    ON e.user_id = v.user_id AND e.collection_name = v.collection_name
 WHERE (%(user)s::uuid IS NULL OR v.user_id = %(user)s)
   AND (%(collection)s::text IS NULL OR v.collection_name = %(collection)s)
 ORDER BY rows DESC, v.user_id, v.collection_name
