-- Writes items, and deletes those without a value.
-- Parameters: user, items (JSON text: collection, key, value, content, search_content, minutes).
WITH given AS (
    SELECT *
      FROM jsonb_to_recordset(%(items)s::jsonb)
           AS g (collection text, key text, value jsonb, content text, search_content text, minutes double precision)
), deleted AS (
    DELETE FROM public.document_store d
     USING given g
     WHERE g.content IS NULL AND d.user_id = %(user)s AND d.collection_name = g.collection AND d.id = g.key
)
INSERT INTO public.document_store AS d
       (user_id, collection_name, id, content, search_content, metadata, language, ttl, expires_at, created_at, updated_at)
SELECT %(user)s, g.collection, g.key, g.content, g.search_content, g.value, 'simple', g.minutes * interval '1 minute',
       now() + g.minutes * interval '1 minute', clock_timestamp(), clock_timestamp()
  FROM given g
 WHERE g.content IS NOT NULL
 ORDER BY g.collection, g.key
    ON CONFLICT (user_id, collection_name, id) DO UPDATE
   SET content = excluded.content, search_content = excluded.search_content, metadata = excluded.metadata,
       ttl = excluded.ttl, expires_at = excluded.expires_at, updated_at = excluded.updated_at,
       created_at = CASE WHEN d.expires_at <= now() THEN excluded.created_at ELSE d.created_at END
