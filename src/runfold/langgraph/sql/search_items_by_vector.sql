-- A page of the items below a namespace that meet a filter: the most similar to a vector first, then those without vectors.
-- Of an item's vectors the most similar one counts.
-- Parameters: user, prefix ('': all), conditions (JSON text), vector, dimensions, limit, offset, refresh.
WITH scored AS MATERIALIZED (
    SELECT e.collection_name, e.metadata ->> 'key' AS key, max(1 - (e.embedding <=> %(vector)s::vector)) AS score
      FROM public.vector_embeddings e
     WHERE e.user_id = %(user)s AND e.dimensions = %(dimensions)s AND e.metadata ? 'key'
       AND (%(prefix)s::text = '' OR e.collection_name = %(prefix)s::text
            OR (e.collection_name COLLATE "C" >= %(prefix)s::text || '.' AND e.collection_name COLLATE "C" < %(prefix)s::text || '/'))
     GROUP BY 1, 2
), page AS (
    SELECT d.collection_name, d.id, d.metadata AS value, d.created_at, d.updated_at, s.score
      FROM public.document_store d
      LEFT JOIN scored s ON s.collection_name = d.collection_name AND s.key = d.id
     WHERE d.user_id = %(user)s AND (d.expires_at IS NULL OR d.expires_at > now())
       AND (%(prefix)s::text = '' OR d.collection_name = %(prefix)s::text
            OR (d.collection_name >= %(prefix)s::text || '.' AND d.collection_name < %(prefix)s::text || '/'))
       AND runfold.item_matches(d.metadata, %(conditions)s::jsonb)
     ORDER BY s.score DESC NULLS LAST, d.updated_at DESC, d.collection_name, d.id
     LIMIT %(limit)s OFFSET %(offset)s
), refreshed AS (
    UPDATE public.document_store d
       SET expires_at = now() + d.ttl
      FROM page p
     WHERE %(refresh)s AND d.user_id = %(user)s AND d.collection_name = p.collection_name AND d.id = p.id
       AND d.ttl IS NOT NULL
)
SELECT p.collection_name, p.id, p.value, p.created_at, p.updated_at, p.score
  FROM page p
 ORDER BY p.score DESC NULLS LAST, p.updated_at DESC, p.collection_name, p.id
