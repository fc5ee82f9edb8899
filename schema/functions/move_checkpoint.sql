-- Moves the group of this batch on, from the position where the batch began and under this leader's epoch.
-- Returns false where another session moved it, or another worker leads.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.move_checkpoint(group_name text, after bigint, upto bigint, epoch bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    UPDATE runfold.checkpoints c
       SET position = upto, epoch = epoch, moved_at = clock_timestamp(),
           stopped_sqlstate = NULL, stopped_error = NULL, stopped_at = NULL,
           retried_sqlstate = NULL, retried_error = NULL, retried_since = NULL
     WHERE c.group_name = group_name AND c.position = after AND upto >= after
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = epoch);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE runfold.user_groups g SET settled = true WHERE g.group_name = group_name;
    RETURN true;
END
$$;
