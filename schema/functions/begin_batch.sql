-- Holds the checkpoint of a group to the end of the transaction. Returns its position, whether streams are
-- parked or events discarded in the group, and the versions that its tables were built with.
--
-- A batch of a user's group is noted, and its transaction commits only when move_checkpoint or end_batch has
-- settled it.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.begin_batch(group_name text, OUT "position" bigint, OUT parked boolean, OUT built jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    begun boolean;
    of_user boolean;
BEGIN
    -- The worker is a projector: it does not pay for the call.
    IF NOT (pg_has_role(session_user, 'runfold_projector', 'MEMBER') OR runfold.may_fold(group_name)) THEN
        RAISE insufficient_privilege USING MESSAGE = format('the group %s does not belong to %s', group_name, session_user);
    END IF;
    -- One group a transaction: what a statement of one group calls cannot reach another's checkpoint.
    SELECT bool_or(g.batch = pg_current_xact_id()), bool_or(g.group_name = group_name) INTO begun, of_user
      FROM runfold.user_groups g;
    IF begun THEN
        PERFORM runfold.refuse('batch_begun_already');
    END IF;
    IF of_user THEN
        UPDATE runfold.user_groups g SET batch = pg_current_xact_id(), settled = false WHERE g.group_name = group_name;
    END IF;
    SELECT c.position INTO "position" FROM runfold.checkpoints c WHERE c.group_name = group_name FOR NO KEY UPDATE OF c;
    -- In a later statement: a session that waited for the row sees the rest as it is after the wait.
    SELECT EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = group_name)
           OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = group_name),
           coalesce(jsonb_object_agg(b.name, b.version), '{}')
      INTO parked, built
      FROM runfold.projections b WHERE b.group_name = group_name;
END
$$;
