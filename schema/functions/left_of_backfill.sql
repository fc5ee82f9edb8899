-- How many rows a backfill has still to look at, or partitions to index; it may be an estimate.
--
-- grant: operator
CREATE FUNCTION runfold.left_of_backfill(name text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    rows bigint;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name;
    IF entry.name IS NULL THEN
        PERFORM runfold.refuse('unknown_backfill', jsonb_build_object('backfill', name));
    END IF;
    IF entry.finished_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    IF entry.index_name IS NOT NULL THEN
        RETURN (SELECT count(*) FROM runfold.index_statements(name));
    END IF;
    EXECUTE format('SELECT runfold.%I($1)', 'backfill_' || name || '_left') INTO rows USING entry.reached;
    RETURN rows;
END
$$;
