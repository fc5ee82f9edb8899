-- Raises unless the session may fold the group, and in a user's group unless this transaction began its batch.
--
-- It is called by functions that run as the owner of the schema, and runs under their search_path.
--
-- grant: nobody
CREATE FUNCTION runfold.require_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
BEGIN
    -- The worker is a projector: it does not pay for the call.
    IF NOT (pg_has_role(session_user, 'runfold_projector', 'MEMBER') OR runfold.may_fold(group_name)) THEN
        RAISE insufficient_privilege USING MESSAGE = format('the group %s does not belong to %s', group_name, session_user);
    END IF;
    IF EXISTS (SELECT FROM runfold.user_groups g
                WHERE g.group_name = group_name AND g.batch IS DISTINCT FROM pg_current_xact_id()) THEN
        PERFORM runfold.refuse('batch_not_begun', words => jsonb_build_object('group_name', group_name));
    END IF;
END
$$;
