-- Raises unless this transaction is the one that began a batch of the group.
--
-- grant: nobody
CREATE FUNCTION runfold.require_own_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.own_groups g
                    WHERE g.group_name = group_name AND g.role_name = session_user AND g.batch = pg_current_xact_id()) THEN
        PERFORM runfold.refuse('batch_not_begun', words => jsonb_build_object('group_name', group_name));
    END IF;
END
$$;
