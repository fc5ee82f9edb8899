-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: migrations_history_create
-- The table of applied migrations, in the shape the Supabase CLI gives it.
-- Parameters: none. Promises: made once, whoever asks at the same time (the caller holds the advisory lock).
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (
    version text NOT NULL PRIMARY KEY,
    statements text[],
    name text
);

-- name: migrations_state
-- How far this database is migrated, in one query that any role may ask.
-- Parameters: none. Returns one row:
--   stamp   the comment on schema runfold, which every migration ends with and which carries its version;
--           null where there is no such schema
--   history whether the table of applied migrations exists (to_regclass would ask for USAGE on its schema)
SELECT
    obj_description(to_regnamespace('runfold'), 'pg_namespace') AS stamp,
    EXISTS (
        SELECT FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations'
    ) AS history;

-- name: migrations_versions
-- The versions of all applied migrations, a project's own ones included.
-- Parameters: none. Returns one row a migration: version.
SELECT version FROM supabase_migrations.schema_migrations ORDER BY version;
