-- The schema of pgvector's extension, as an identifier: `extensions` on Supabase, `public` elsewhere.
--
-- Looked up when a function runs: ALTER EXTENSION may move it.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.vector_schema() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
$$;
