-- migrations_state: how far this database is migrated, in one query that any role may ask.
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
