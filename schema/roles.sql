-- The roles, the schemas, and stand-ins for what Supabase provides (auth.users, auth.uid() and the roles anon,
-- authenticated, service_role) where it is absent. What exists already is left as it is.
-- Needs no superuser: CREATEROLE, and CREATE on the database.
--
--   runfold_engine       appends and reads
--   runfold_projector    folds
--   runfold_operator     appends, reads and registers
--   runfold_scheduler    reads triggers and workflows, appends deployments
--   runfold_agent        reads workflows and registries, records what a model generated
--   runfold_reader       reads the log and the read tables, and folds them into temporary tables
--   runfold_gateway      becomes anon or authenticated for one transaction, for the user of a request
--   runfold_projections  the logins that fold users' projections. Such a login cannot become another role: SET ROLE could be
--                        undone from inside a statement, a login cannot.

-- Roles belong to the whole cluster: another database of it may be migrated at this very moment, and CREATE ROLE then
-- waits for that one and fails with unique_violation.
DO $roles$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'runfold_engine', 'runfold_projector', 'runfold_operator', 'runfold_projections', 'runfold_scheduler',
        'runfold_agent', 'runfold_reader', 'runfold_gateway', 'anon', 'authenticated'
    ] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;

    IF to_regrole('service_role') IS NULL THEN
        BEGIN
            CREATE ROLE service_role NOLOGIN BYPASSRLS;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                -- Only who bypasses row security may create who does (PostgreSQL 15: only a superuser).
                BEGIN
                    CREATE ROLE service_role NOLOGIN;
                    RAISE NOTICE 'service_role does not bypass row security: a superuser has to ALTER ROLE service_role BYPASSRLS';
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL;
                END;
        END;
    END IF;
END
$roles$;

-- A login of the gateway becomes a tenant, or for a look at the past the reader that folds it. Only who may grant a role does so.
DO $gateway$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated', 'runfold_reader'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_auth_members m
                               WHERE m.roleid = role_name::regrole AND m.member = 'runfold_gateway'::regrole);
        BEGIN
            EXECUTE format('GRANT %I TO runfold_gateway', role_name);
        EXCEPTION
            WHEN unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'runfold_gateway cannot become %: who may grant that role has to GRANT % TO runfold_gateway',
                    role_name, role_name;
        END;
    END LOOP;
END
$gateway$;

-- The log, and what runfold keeps about itself.
CREATE SCHEMA IF NOT EXISTS runfold;
REVOKE ALL ON SCHEMA runfold FROM PUBLIC;
-- A tenant reads its own part of the log there, and nothing else.
GRANT USAGE ON SCHEMA runfold
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_scheduler, runfold_agent,
       runfold_reader, service_role;

-- A partition that is queried by its own name has no row security of its parent's. Nobody may use their schema but their owner:
-- who reads or writes the parent needs no right on its partitions.
CREATE SCHEMA IF NOT EXISTS runfold_partitions;
COMMENT ON SCHEMA runfold_partitions IS 'Partitions of the log and of tables of log lines: reached through their parents only.';
REVOKE ALL ON SCHEMA runfold_partitions FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS runfold_shadow;
COMMENT ON SCHEMA runfold_shadow IS 'Tables that a rebuild folds the log into, before it compares them with the live ones.';
REVOKE ALL ON SCHEMA runfold_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_shadow TO runfold_projector, runfold_operator;

-- The shadows of users' groups have a schema of their own: a user's table may have the name of one of runfold's. An operator
-- makes and drops them; the login folds into those that it is granted.
CREATE SCHEMA IF NOT EXISTS runfold_user_shadow;
COMMENT ON SCHEMA runfold_user_shadow IS 'Tables that a rebuild of a user''s group folds the log into, before it compares them with the live ones.';
REVOKE ALL ON SCHEMA runfold_user_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_user_shadow TO runfold_projector, runfold_operator;
GRANT USAGE ON SCHEMA runfold_user_shadow TO runfold_projections;

-- What operators watch: views of the server's statistics and of ours.
CREATE SCHEMA IF NOT EXISTS runfold_stats;
COMMENT ON SCHEMA runfold_stats IS 'What operators watch: connections, slow queries, sizes, indexes, lags.';
REVOKE ALL ON SCHEMA runfold_stats FROM PUBLIC;
GRANT USAGE ON SCHEMA runfold_stats TO runfold_operator;

-- A place for users' tables. Those that the migrating role makes there are granted by default.
CREATE SCHEMA IF NOT EXISTS projections;
COMMENT ON SCHEMA projections IS 'Read tables of users, folded by projections of their own.';
REVOKE CREATE ON SCHEMA projections FROM PUBLIC;
GRANT USAGE ON SCHEMA projections
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT USAGE ON SEQUENCES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections
    GRANT SELECT ON TABLES TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

DO $auth$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'auth') THEN
        CREATE SCHEMA auth;
        GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'auth' AND c.relname = 'users'
    ) THEN
        CREATE TABLE auth.users (
            id uuid NOT NULL DEFAULT gen_random_uuid(),
            email text,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT users_pkey PRIMARY KEY (id)
        );
        COMMENT ON TABLE auth.users IS 'runfold''s stand-in for the users of Supabase Auth.';
        GRANT ALL ON auth.users TO service_role, runfold_operator;
        GRANT USAGE ON SCHEMA auth TO runfold_operator;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0
    ) THEN
        CREATE FUNCTION auth.uid() RETURNS uuid
        LANGUAGE sql STABLE PARALLEL SAFE
        SET search_path = ''
        AS $uid$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $uid$;
        COMMENT ON FUNCTION auth.uid() IS 'runfold''s stand-in for Supabase''s: the user of the request''s JWT, or null.';
        REVOKE ALL ON FUNCTION auth.uid() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, service_role;
    END IF;
END
$auth$;

-- A temporary table that is named like a read table comes first in the search path of a pooled session's next user. Only who
-- folds into temporary tables may make them.
DO $temporary$
DECLARE
    makers constant text := 'runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role';
BEGIN
    IF NOT (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database d WHERE d.datname = current_database()) THEN
        RAISE NOTICE 'everybody may make temporary tables here: the owner of the database has to REVOKE TEMPORARY ON DATABASE % FROM PUBLIC'
            ' and to GRANT it to %', quote_ident(current_database()), makers;
        RETURN;
    END IF;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %s', current_database(), makers);
END
$temporary$;
