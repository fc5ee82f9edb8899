-- Removes a part of what has expired in a table; returns how many rows it removed, and whether that was all.
--
-- One call is one step, to be committed by itself. The first moves the cutoff of a read table, under the
-- checkpoint of its group, and deletes in the same transaction. Whoever folds, compares or lands rows
-- holds that checkpoint or reads the cutoff in its own snapshot, so nothing below the cutoff is written again.
--
--   keep   how long rows are kept, in place of what is entered for the table
--   most   how many rows are deleted at most; a whole partition that has expired is dropped, in a step of its own
--
-- A partition that cannot be locked within a moment is left for a later step, and everything else is
-- removed. After a day without success its rows are deleted in parts.
--
-- grant: projector, operator
CREATE FUNCTION runfold.expire(
    table_name text, keep interval DEFAULT NULL, most integer DEFAULT 10000, OUT removed bigint, OUT done boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.retention;
    whole constant regclass := to_regclass(table_name);
    boundary timestamptz;
    part record;
    rows bigint;
    blocked boolean := false;
BEGIN
    removed := 0;
    done := true;
    SELECT * INTO entry FROM runfold.retention r WHERE r.table_name = table_name FOR NO KEY UPDATE;
    IF entry.table_name IS NULL THEN
        PERFORM runfold.refuse('unknown_retention', jsonb_build_object('table', table_name));
    END IF;
    IF keep < interval '0' OR keep < interval '1 day' AND entry.group_name IS NOT NULL THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object('table', table_name, 'keep', keep::text));
    END IF;
    boundary := clock_timestamp() - coalesce(keep, entry.keep);
    IF table_name = 'public.conversation_buffers' THEN
        removed := runfold.expire_messages(boundary, false, most);
        done := removed = 0;
        UPDATE runfold.retention r SET ran_at = CASE WHEN done AND keep IS NULL THEN clock_timestamp() ELSE r.ran_at END
         WHERE r.table_name = table_name;
        RETURN;
    END IF;
    IF boundary IS NULL OR whole IS NULL THEN
        UPDATE runfold.retention r SET ran_at = clock_timestamp(), blocked_since = NULL WHERE r.table_name = table_name;
        RETURN;
    END IF;
    IF entry.group_name IS NOT NULL THEN
        boundary := greatest(date_trunc('day', boundary, 'UTC'), entry.cutoff);
        IF entry.cutoff IS DISTINCT FROM boundary THEN
            PERFORM FROM runfold.checkpoints c WHERE c.group_name = entry.group_name FOR NO KEY UPDATE;
            UPDATE runfold.retention r SET cutoff = boundary WHERE r.table_name = table_name;
        END IF;
    END IF;
    FOR part IN SELECT * FROM runfold.expiring_partitions(whole) AS p
                 WHERE p.ends_at IS NULL OR p.ends_at > boundary
                    OR entry.blocked_since < clock_timestamp() - interval '1 day' LOOP
        EXECUTE format('DELETE FROM %1$s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE %2$I < $1 LIMIT $2))',
                       part.leaf, entry.column_name) USING boundary, most - removed;
        GET DIAGNOSTICS rows = ROW_COUNT;
        removed := removed + rows;
        IF removed >= most THEN
            done := false;
            RETURN;
        END IF;
    END LOOP;
    IF removed > 0 THEN
        done := false;
        RETURN;
    END IF;
    FOR part IN SELECT * FROM runfold.expiring_partitions(whole) AS p WHERE p.ends_at <= boundary AND p.leaf <> whole LOOP
        EXECUTE format('SELECT count(*) FROM %s', part.leaf) INTO rows;
        IF runfold.drop_partition(part.leaf) THEN
            removed := rows;
            done := false;
            RETURN;
        END IF;
        blocked := true;
    END LOOP;
    UPDATE runfold.retention r
       SET ran_at = CASE WHEN keep IS NULL THEN clock_timestamp() ELSE r.ran_at END,
           blocked_since = CASE WHEN blocked THEN coalesce(r.blocked_since, clock_timestamp()) END
     WHERE r.table_name = table_name;
END
$$;
