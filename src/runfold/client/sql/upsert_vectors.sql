-- Writes rows of a collection by their keys, and returns how many were added and changed; one that is the same already is neither.
-- The rows come as one JSON text, whose fields the table's row type reads: the type of vectors may be in any schema. A temporary
-- table to COPY into would need the right TEMP, which no tenant has. Keys are in order, so that two calls cannot deadlock.
-- Parameters: user, collection, rows (json: key, text_content, embedding, model, metadata).
WITH written AS (
    INSERT INTO public.vector_embeddings AS t (user_id, collection_name, key, text_content, embedding, model, metadata)
    SELECT c.user_id, c.name, coalesce(g.key, gen_random_uuid()::text), g.text_content, g.embedding,
           coalesce(g.model, c.model), coalesce(g.metadata, '{}')
      FROM json_populate_recordset(NULL::public.vector_embeddings, %(rows)s::json) AS g
      JOIN public.vector_collections c ON c.user_id = %(user)s AND c.name = %(collection)s
     ORDER BY g.key
        ON CONFLICT (user_id, collection_name, key) DO UPDATE
       SET text_content = excluded.text_content, embedding = excluded.embedding, model = excluded.model,
           metadata = excluded.metadata, updated_at = CURRENT_TIMESTAMP
     WHERE (t.text_content, t.model, t.metadata, t.embedding::real[])
           IS DISTINCT FROM (excluded.text_content, excluded.model, excluded.metadata, excluded.embedding::real[])
    RETURNING t.created_at = t.updated_at AS inserted
)
SELECT count(*) FILTER (WHERE inserted) AS inserted, count(*) FILTER (WHERE NOT inserted) AS updated FROM written
