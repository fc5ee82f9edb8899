-- pgvector's extension, in the schema `extensions` where there is one, as on Supabase, else in public. One that is installed
-- stays where it is. The rest of this file finds its types by the search path of this transaction; functions find its
-- operators in the schema that they look up when they run, since an extension can be moved.

DO $extension$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        IF to_regnamespace('extensions') IS NULL THEN
            CREATE EXTENSION vector SCHEMA public;
        ELSE
            CREATE EXTENSION vector SCHEMA extensions;
        END IF;
    END IF;
END
$extension$;

SELECT set_config('search_path', format('pg_catalog, %I, pg_temp', n.nspname), true)
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'vector';

-- The settings of pgvector are known to a session that has loaded it; only a superuser may name unknown ones in a function.
SELECT '[1]'::vector;
