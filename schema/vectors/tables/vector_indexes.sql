CREATE VIEW runfold.vector_indexes WITH (security_invoker = true) AS
SELECT c.user_id, c.name AS collection_name, c.number, c.dimensions, n.index_name,
       i.indisvalid AS is_valid,
       CASE WHEN i.indexrelid IS NOT NULL THEN pg_relation_size(i.indexrelid) END AS bytes
  FROM public.vector_collections c
 CROSS JOIN LATERAL (SELECT 'idx_vector_embeddings_cosine_' || c.number AS index_name) AS n
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = to_regclass('public.' || n.index_name);

COMMENT ON VIEW runfold.vector_indexes IS 'Each collection of vectors with its index, if it has one: is_valid is null without it, and false after a build that failed.';

GRANT SELECT ON runfold.vector_indexes TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
