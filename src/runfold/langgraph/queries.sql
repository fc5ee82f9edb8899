-- The statements of this room, by name. A namespace is a collection of documents, its labels joined by dots, which no
-- label contains. A statement of 14 lines or more has a file of its own in sql/.

-- name: delete_vectors
-- Deletes the vectors of items. Parameters: user, collections (text[]), keys (text[]), in pairs.
DELETE FROM public.vector_embeddings e
 USING unnest(%(collections)s::text[], %(keys)s::text[]) AS g (collection, key)
 WHERE e.user_id = %(user)s AND e.collection_name = g.collection AND e.metadata ->> 'key' = g.key

-- name: put_collections
-- Makes the collections of vectors that are new. Parameters: user, collections (text[]), dimensions.
INSERT INTO public.vector_collections (user_id, name, dimensions)
SELECT DISTINCT %(user)s::uuid, c, %(dimensions)s::integer FROM unnest(%(collections)s::text[]) AS c ORDER BY c
    ON CONFLICT (user_id, name) DO NOTHING

-- name: put_vectors
-- Writes the vectors of items, one for each path that is indexed.
-- Parameters: user, rows (JSON text: collection, vector_key, text, embedding, metadata).
INSERT INTO public.vector_embeddings (user_id, collection_name, key, text_content, embedding, metadata)
SELECT %(user)s, g.collection, g.vector_key, g.text, g.embedding::vector, g.metadata
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS g (collection text, vector_key text, text text, embedding text, metadata jsonb)
 ORDER BY g.collection, g.vector_key
