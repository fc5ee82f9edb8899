-- A page of the items below a namespace that meet a filter: those that match the words first, then the newest.
-- Parameters: user, prefix ('': all), conditions (JSON text), query (null: none), limit, offset, refresh.
WITH page AS (
    SELECT d.collection_name, d.id, d.metadata AS value, d.created_at, d.updated_at,
           CASE WHEN d.search_vector @@ runfold.text_query(d.language, %(query)s)
                THEN ts_rank(d.search_vector, runfold.text_query(d.language, %(query)s)) END AS score
      FROM public.document_store d
     WHERE d.user_id = %(user)s AND (d.expires_at IS NULL OR d.expires_at > now())
       AND (%(prefix)s::text = '' OR d.collection_name = %(prefix)s::text
            OR (d.collection_name >= %(prefix)s::text || '.' AND d.collection_name < %(prefix)s::text || '/'))
       AND runfold.item_matches(d.metadata, %(conditions)s::jsonb)
     ORDER BY score DESC NULLS LAST, d.updated_at DESC, d.collection_name, d.id
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
