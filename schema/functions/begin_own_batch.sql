-- Locks the checkpoint of a group of the login's own, and returns its position, whether streams are
-- parked or events discarded in it, and the versions that its tables were built with.
--
-- grant: projections
CREATE FUNCTION runfold.begin_own_batch(group_name text, OUT "position" bigint, OUT parked boolean, OUT built jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- One group a transaction: what a statement of one group calls can not reach another's checkpoint.
    IF EXISTS (SELECT FROM runfold.own_groups g WHERE g.batch = pg_current_xact_id()) THEN
        PERFORM runfold.refuse('batch_begun_already');
    END IF;
    UPDATE runfold.own_groups g SET batch = pg_current_xact_id(), settled = false
     WHERE g.group_name = group_name AND g.role_name = session_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s is no group of %s', group_name, session_user);
    END IF;
    SELECT c.position INTO "position" FROM runfold.checkpoints c WHERE c.group_name = group_name FOR NO KEY UPDATE OF c;
    -- In later statements: who waits for a row sees the rest as it was before the wait.
    parked := EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = group_name)
              OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = group_name);
    built := (SELECT coalesce(jsonb_object_agg(b.name, b.version), '{}') FROM runfold.projections b WHERE b.group_name = group_name);
END
$$;
