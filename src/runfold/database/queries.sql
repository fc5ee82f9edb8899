-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: adopt_identity
-- Makes this database a log of its own, and returns the identity it had and the new one.
WITH former AS (SELECT id FROM runfold.log_identity FOR UPDATE)
UPDATE runfold.log_identity l SET id = runfold.new_id(), adopted_at = clock_timestamp()
  FROM former
RETURNING former.id, l.id

-- name: become_tenant
-- Makes the rest of this transaction a tenant's: its role and its claims, in both forms that auth.uid() may read. It fails
-- where the role is another afterwards. Parameters: claims (JSON text), user.
SELECT CASE WHEN b.who = 'authenticated' THEN b.who ELSE ('the role is ' || b.who)::pg_catalog.int4::pg_catalog.text END
  FROM (SELECT pg_catalog.set_config('request.jwt.claims', %(claims)s, true),
               pg_catalog.set_config('request.jwt.claim.sub', %(user)s, true),
               pg_catalog.set_config('role', 'authenticated', true),
               CURRENT_USER::pg_catalog.text
        OFFSET 0) AS b (claims, sub, role, who)

-- name: log_identity
-- Which log this is: one row.
SELECT id FROM runfold.log_identity

-- name: migrations_history_create
-- Creates the table of applied migrations as the Supabase CLI does.
-- Parameters: none. It is created once, because the caller holds the advisory lock.
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (
    version text NOT NULL PRIMARY KEY,
    statements text[],
    name text
);

-- name: migrations_state
-- Returns how far this database is migrated, in one query that any role may run.
-- Parameters: none. Returns one row:
--   stamp    the comment on schema runfold: every migration ends by writing its version there;
--            null if there is no such schema
--   history  whether the table of applied migrations exists (to_regclass would need USAGE on its schema)
--   readable whether this role may read that table
SELECT
    obj_description(to_regnamespace('runfold'), 'pg_namespace') AS stamp,
    h.history IS NOT NULL AS history,
    coalesce(has_schema_privilege(h.folder, 'USAGE') AND has_table_privilege(h.history, 'SELECT'), false) AS readable
FROM (SELECT) AS always
LEFT JOIN (
    SELECT c.oid AS history, n.oid AS folder
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations'
) AS h ON true;

-- name: migrations_versions
-- Returns the versions of all applied migrations, including those of a project that uses runfold.
-- Parameters: none. Returns one row a migration: version.
SELECT version FROM supabase_migrations.schema_migrations ORDER BY version;

-- name: safe_head
-- The position up to which no open transaction can still add an event. Parameters: none. Returns one row: the position.
SELECT runfold.safe_head()

-- name: session_settings
-- Sets what this session needs, unless a pooler may hand the session to others; a setting that this PostgreSQL does not
-- have is left out. It names the catalog: which search_path holds is not known yet.
-- Parameters: backend (integer: the backend that the connection knows), trusted (boolean: set it behind a pooler too),
-- names, values (text[]).
-- Returns one row: whether the backend is the one that the connection knows; the session's session_replication_role;
-- how many settings were set.
SELECT d.direct, pg_catalog.current_setting('session_replication_role'), c.number
  FROM (SELECT pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %(backend)s::integer) AS d (direct)
 CROSS JOIN LATERAL (
     SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.value, false))
       FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(values)s::text[])) AS s (name, value)
      WHERE (d.direct OR %(trusted)s::boolean) AND pg_catalog.current_setting(s.name, true) IS NOT NULL
 ) AS c (number)

-- name: backend_pid
-- The backend that runs this session's statements. Parameters: none.
SELECT pg_catalog.pg_backend_pid()

-- name: vectors_state
-- Whether this database has what needs pgvector, in one query that any role may run.
-- Parameters: none. Returns one row:
--   stamp     the comment on a constraint of vector_collections: every migration for vectors ends by writing its version there;
--             null if there is no such table
--   available the version of pgvector that CREATE EXTENSION would install; null if the server has none
--   installed the version that is installed; null if none is
--   can_write whether the server is no replica
SELECT (SELECT obj_description(c.oid, 'pg_constraint') FROM pg_constraint c
         WHERE c.conrelid = to_regclass('public.vector_collections') AND c.conname = 'vector_collections_pkey') AS stamp,
       (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = 'vector') AS available,
       (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'vector') AS installed,
       NOT pg_is_in_recovery() AS can_write

-- name: vectors_lock
-- Lets one session after the other try whether it may create the extension. Parameters: none.
SELECT pg_advisory_xact_lock(5706231190217542)

-- name: vectors_create_extension
-- Creates pgvector's extension, to see whether this role may. Parameters: none.
CREATE EXTENSION vector

-- name: backfills
-- The backfills that migrations have entered, those that are pending first. Parameters: none.
SELECT b.name, b.about, b.since, b.entered_at, b.index_name, b.changed, b.steps, b.started_at, b.stepped_at, b.finished_at
  FROM runfold.backfills b
 ORDER BY b.finished_at IS NOT NULL, b.since, b.name

-- name: step_backfill
-- Runs the next step of a backfill of rows, which is committed by itself; returns how many rows it changed, and whether
-- it was the last one. Parameters: name, most.
SELECT changed, done FROM runfold.step_backfill(%(name)s, %(most)s)

-- name: left_of_backfill
-- How many rows a backfill has still to look at, or statements to run; it may be an estimate. Parameters: name.
SELECT runfold.left_of_backfill(%(name)s)

-- name: index_statements
-- The statements that are left to build the index of a backfill. Parameters: name.
SELECT s FROM runfold.index_statements(%(name)s) AS s

-- name: end_index_backfill
-- Notes a statement of an index that has run; returns whether it was the last one. Parameters: name.
SELECT runfold.end_index_backfill(%(name)s)
