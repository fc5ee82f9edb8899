-- The migrations that were applied, and whether the schema's stamp is the newest of them: else one has failed half way.
--
-- grant: projector, operator
CREATE FUNCTION runfold.applied_migrations() RETURNS TABLE (version text, is_newest boolean, is_stamped boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('supabase_migrations.schema_migrations') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT m.version::text, m.version = max(m.version) OVER (),'
        ' m.version = (regexp_match(obj_description(''runfold''::regnamespace, ''pg_namespace''), ''[0-9]{14}''))[1]'
        ' FROM supabase_migrations.schema_migrations m';
END
$$;
