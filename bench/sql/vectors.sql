-- name: centres
-- 200 centres of clusters, the same in each run.
CREATE TABLE public.bench_centres AS
SELECT c AS number, ARRAY(SELECT random() - 0.5 FROM generate_series(1, %(size)s) AS d WHERE d <> -c)::real[] AS at
  FROM (SELECT setseed(0.5)) AS s, generate_series(1, 200) AS c

-- name: fill
-- Rows of one collection around the centres: a third of a vector's length is its own.
INSERT INTO public.vector_embeddings (user_id, collection_name, key, text_content, embedding)
SELECT %(user)s, %(collection)s, n::text, 'row ' || n,
       ARRAY(SELECT x + 0.5 * (random() - 0.5) FROM unnest(b.at) AS x WHERE n > 0)::real[]
  FROM generate_series(1, %(rows)s) AS n
  JOIN public.bench_centres b ON b.number = 1 + (n * 7919 + %(seed)s) %% 200

-- name: queries
-- Vectors near rows of a collection, as text.
SELECT ARRAY(SELECT x + 0.5 * (random() - 0.5) FROM unnest(b.at) AS x WHERE n > 0)::real[]::text
  FROM generate_series(1, %(number)s) AS n
  JOIN public.bench_centres b ON b.number = 1 + (n * 31) %% 200

-- name: ivfflat
-- The index of the specification: the whole table, one size, 100 lists.
CREATE INDEX bench_ivfflat ON public.vector_embeddings USING ivfflat ((embedding::vector({size})) vector_cosine_ops) WITH (lists = 100)

-- name: search_ivfflat
-- The specified search by that index.
SELECT id FROM public.vector_embeddings
 WHERE user_id = %(user)s AND collection_name = %(collection)s
 ORDER BY embedding::vector({size}) <=> %(vector)s::vector({size}) LIMIT 10

-- name: become
-- Sets a tenant's role and claims for the transaction.
SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)

-- name: search
-- Ten results, however far they are.
SELECT id FROM public.search_similar_vectors(%s, %s, -1, 10)

-- name: ef_search
-- How many rows a search by the index looks at, in place of the function's own.
ALTER FUNCTION public.search_similar_vectors SET hnsw.ef_search = {ef}
