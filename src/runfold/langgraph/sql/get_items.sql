-- Items by namespace and key, in the order asked; those whose time begins again with a read get it.
-- Parameters: user, collections (text[]), keys (text[]), refresh (boolean[]), in threes.
WITH asked AS (
    SELECT *
      FROM unnest(%(collections)s::text[], %(keys)s::text[], %(refresh)s::boolean[])
           WITH ORDINALITY AS a (collection, key, refresh, place)
), refreshed AS (
    UPDATE public.document_store d
       SET expires_at = now() + d.ttl
      FROM (SELECT DISTINCT a.collection, a.key FROM asked a WHERE a.refresh) AS r
     WHERE d.user_id = %(user)s AND d.collection_name = r.collection AND d.id = r.key
       AND d.ttl IS NOT NULL AND d.expires_at > now()
)
SELECT a.place, d.metadata AS value, d.created_at, d.updated_at
  FROM asked a
  JOIN public.document_store d ON d.user_id = %(user)s AND d.collection_name = a.collection AND d.id = a.key
 WHERE d.expires_at IS NULL OR d.expires_at > now()
