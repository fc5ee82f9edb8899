-- migrations_history_create: the table of applied migrations, in the shape the Supabase CLI gives it.
-- Parameters: none. Promises: made once, whoever asks at the same time (the caller holds the advisory lock).
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (
    version text NOT NULL PRIMARY KEY,
    statements text[],
    name text
);
