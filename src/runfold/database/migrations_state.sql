-- migrations_state: how far this database is migrated, in one query that any role may ask.
-- Parameters: none. Returns one row:
--   stamp   the comment on schema runfold, which every migration ends with and which carries its version;
--           null where there is no such schema
--   history whether the table of applied migrations exists
SELECT
    obj_description(to_regnamespace('runfold'), 'pg_namespace') AS stamp,
    to_regclass('supabase_migrations.schema_migrations') IS NOT NULL AS history;
