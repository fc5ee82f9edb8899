-- A page of the namespaces that hold an item and match every pattern, cut to a depth, in order; found by index, one look each.
-- Parameters: user, patterns (text[]), depth (null: whole), limit, offset.
WITH RECURSIVE found AS (
    (SELECT d.collection_name AS name FROM public.document_store d
      WHERE d.user_id = %(user)s ORDER BY d.collection_name LIMIT 1)
     UNION ALL
    SELECT (SELECT d.collection_name FROM public.document_store d
             WHERE d.user_id = %(user)s AND d.collection_name > f.name ORDER BY d.collection_name LIMIT 1)
      FROM found f
     WHERE f.name IS NOT NULL
), labels AS (
    SELECT DISTINCT (string_to_array(f.name, '.'))[: coalesce(%(depth)s::integer, 2147483647)] AS path
      FROM found f
     WHERE f.name ~ ALL (%(patterns)s::text[])
       AND EXISTS (SELECT FROM public.document_store d
                    WHERE d.user_id = %(user)s AND d.collection_name = f.name
                      AND (d.expires_at IS NULL OR d.expires_at > now()))
)
SELECT l.path FROM labels l ORDER BY l.path COLLATE "C" LIMIT %(limit)s OFFSET %(offset)s
