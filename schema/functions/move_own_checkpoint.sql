-- Moves the group of this batch on, from where the batch started and under this leader's epoch;
-- else false.
--
-- grant: projections
CREATE FUNCTION runfold.move_own_checkpoint(group_name text, after bigint, upto bigint, epoch bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    UPDATE runfold.checkpoints c
       SET position = upto, epoch = epoch, moved_at = clock_timestamp(),
           stopped_sqlstate = NULL, stopped_error = NULL, stopped_at = NULL
     WHERE c.group_name = group_name AND c.position = after AND upto >= after
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = epoch);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE runfold.own_groups g SET settled = true WHERE g.group_name = group_name;
    RETURN true;
END
$$;
