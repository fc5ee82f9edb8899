-- Keeps a document under its id in a collection, in place of what was there.
-- Parameters: user, collection, id, title, description, content, search_content, metadata (JSON text), category,
-- tags, language, ttl.
INSERT INTO public.document_store AS d
       (user_id, collection_name, id, title, description, content, search_content, metadata, category, tags,
           language, ttl, expires_at)
VALUES (%(user)s, %(collection)s, %(id)s, %(title)s, %(description)s, %(content)s, coalesce(%(search_content)s,
    %(content)s),
        coalesce(%(metadata)s::jsonb, '{}'), %(category)s, %(tags)s::text[], %(language)s, %(ttl)s::interval,
        now() + %(ttl)s::interval)
    ON CONFLICT (user_id, collection_name, id) DO UPDATE
   SET title = excluded.title, description = excluded.description, content = excluded.content,
       search_content = excluded.search_content, metadata = excluded.metadata, category = excluded.category,
           tags = excluded.tags,
       language = excluded.language, ttl = excluded.ttl, expires_at = excluded.expires_at,
           updated_at = clock_timestamp(),
       -- What had expired was not there any more.
       created_at = CASE WHEN d.expires_at <= now() THEN excluded.created_at ELSE d.created_at END
RETURNING d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language,
       d.created_at,
       d.updated_at, d.expires_at
