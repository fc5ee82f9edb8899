-- The tables that have rows of a tenant, and how many: every table with a column user_id, but for the log, the record of
-- erasures and the records of keys, which stay.
--
-- grant: operator
CREATE FUNCTION runfold.rows_of_tenant(tenant uuid) RETURNS TABLE (table_name text, rows bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR table_name IN
        SELECT format('%I.%I', n.nspname, c.relname)
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.atttypid = 'uuid'::regtype
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'auth', 'runfold_shadow', 'runfold_user_shadow')
           AND n.nspname !~ '^pg_(toast_)?temp_'
           AND c.oid NOT IN ('runfold.events'::regclass, 'runfold.streams'::regclass, 'runfold.erased_tenants'::regclass,
                             'runfold.tenant_keys'::regclass)
         ORDER BY 1
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE user_id = $1', table_name) INTO rows USING tenant;
        IF rows > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
