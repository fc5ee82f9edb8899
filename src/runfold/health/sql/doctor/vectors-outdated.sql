-- The tables of vectors lack migrations, and the server has what they need.
--
-- Searches by meaning are refused until they are there.
--
-- severity: advice
-- see: how-to/search.md
SELECT 'vectors' AS object, format('pgvector %%s is there, and the tables of vectors are not', coalesce(x.extversion, a.default_version)) AS problem,
       '`runfold migrate` as the owner' AS remedy
  FROM pg_available_extensions a
  LEFT JOIN pg_extension x ON x.extname = 'vector'
 WHERE a.name = 'vector' AND to_regclass('public.vector_collections') IS NULL
