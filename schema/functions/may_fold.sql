-- Returns whether the session may fold a group: the projector and the operator any group, a login of
-- users' projections the groups that are noted as its own.
--
-- The session is known by `session_user`: SET ROLE could be undone from inside a statement, a login cannot.
-- It is called by functions that run as the owner of the schema, who may fold any group.
--
-- grant: nobody
CREATE FUNCTION runfold.may_fold(group_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(session_user, 'runfold_projector', 'MEMBER')
        OR pg_has_role(session_user, 'runfold_operator', 'MEMBER')
        OR pg_has_role(session_user, current_user, 'MEMBER')
        OR EXISTS (SELECT FROM runfold.user_groups g WHERE g.group_name = $1 AND g.role_name = session_user)
$$;
