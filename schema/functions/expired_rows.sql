-- How many rows of a table have expired and stand; with another time to keep them, how many would.
--
-- grant: projector, operator
CREATE FUNCTION runfold.expired_rows(table_name text, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.retention;
    boundary timestamptz;
    found bigint := 0;
BEGIN
    SELECT * INTO entry FROM runfold.retention r WHERE r.table_name = table_name;
    IF entry.table_name IS NULL THEN
        PERFORM runfold.refuse('unknown_retention', jsonb_build_object('table', table_name));
    END IF;
    boundary := clock_timestamp() - coalesce(keep, entry.keep);
    IF table_name = 'public.conversation_buffers' THEN
        RETURN (SELECT count(*) FROM runfold.expired_messages(boundary));
    END IF;
    IF entry.group_name IS NOT NULL THEN
        boundary := greatest(date_trunc('day', boundary, 'UTC'), entry.cutoff);
    END IF;
    IF boundary IS NOT NULL AND to_regclass(table_name) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s WHERE %I < $1', to_regclass(table_name), entry.column_name)
           INTO found USING boundary;
    END IF;
    RETURN found;
END
$$;
