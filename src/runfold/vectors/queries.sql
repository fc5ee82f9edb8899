-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: may_build
-- Whether this login may build indexes: a member of the role that owns the table; no row where there is no such table.
-- Parameters: none.
SELECT pg_has_role(c.relowner, 'USAGE'), c.relowner::regrole::text
  FROM pg_class c WHERE c.oid = to_regclass('public.vector_embeddings')

-- name: index_count
-- How many collections have an index that is searched. Parameters: none.
SELECT count(*) FROM runfold.vector_indexes v WHERE v.is_valid

-- name: abandoned_indexes
-- The indexes of collections that are there no more. Parameters: none.
SELECT c.relname
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = 'public.vector_embeddings'::regclass AND c.relname ~ '^idx_vector_embeddings_cosine_\d+$'
   AND NOT EXISTS (SELECT FROM runfold.vector_indexes v WHERE v.index_name = c.relname)
 ORDER BY c.relname

-- name: create_index
-- Builds the index of a collection, while others read and write. With the default effort of 64, a search misses whole clusters.
-- Parameters, in braces: index, size, schema, user, collection.
CREATE INDEX CONCURRENTLY {index} ON public.vector_embeddings
    USING hnsw ((embedding::{schema}.halfvec({size})) {schema}.halfvec_cosine_ops) WITH (ef_construction = 128)
    WHERE user_id = {user} AND collection_name = {collection} AND dimensions = {size}

-- name: drop_index
-- Drops an index while others read and write. Parameters, in braces: index.
DROP INDEX CONCURRENTLY IF EXISTS public.{index}

-- name: vector_schema
-- The schema of pgvector's extension. Parameters: none.
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'

-- name: building_memory
-- Gives this session memory to build an index in, at least what it has. Parameters: bytes.
SELECT set_config('maintenance_work_mem',
                  greatest(%(bytes)s::bigint / 1024, (SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'))
                  || 'kB', false)

-- name: building_alone
-- Builds with one process, whose memory is its own, not the shared memory of the machine. Parameters: none.
SET max_parallel_maintenance_workers = 0

-- name: building_without_end
-- Lets a build take as long as it takes. Parameters: none.
SET statement_timeout = 0

-- name: try_lock
-- Takes the lock of those who build indexes, if it is free. It waits for none: who waits keeps a concurrent build from ending.
-- Parameters: none.
SELECT pg_try_advisory_lock(5706231190217543)

-- name: unlock
-- Gives the lock of those who build indexes back. Parameters: none.
SELECT pg_advisory_unlock(5706231190217543)

-- name: known_failures
-- Which of these failures the table has. Parameters: users (uuid[]), hashes (text[]), in pairs; in braces: table.
SELECT t.user_id, t.message_hash
  FROM {table} t
  JOIN ROWS FROM (unnest(%(users)s::uuid[]), unnest(%(hashes)s::text[])) AS k (user_id, message_hash)
    ON t.user_id = k.user_id AND t.message_hash = k.message_hash
