-- migrations_versions: the versions of all applied migrations, a project's own ones included.
-- Parameters: none. Returns one row a migration: version.
SELECT version FROM supabase_migrations.schema_migrations ORDER BY version;
