-- Does the next step of the erasure of a tenant, and returns what it did. Call it again, each time in a
-- transaction of its own, until it returns `erased`, with the position of TenantErased.
--
--   user_deleted   the row in auth.users was deleted, and with it what the user edited
--   refusing       from the commit on, no stream of the tenant takes an event
--   waiting        an append that may not have known is open yet; it ends before `position` is settled
--   erased         TenantErased is in the log: the folds remove the tenant's rows
--
-- The order is what makes it final. WorkflowDeleted is appended at the commit of the first step, while the
-- tenant still may append. An append looks for erased tenants behind its fence: one that did not see the second
-- step holds back the safe head, and TenantErased comes after it. So nothing of the tenant comes after TenantErased.
--
-- grant: operator
CREATE FUNCTION runfold.erase_tenant(tenant uuid, OUT state text, OUT "position" bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.erased_tenants;
BEGIN
    PERFORM runfold.require_value('uuid', NULL, NULL, to_jsonb(tenant), '/tenant');
    IF EXISTS (SELECT FROM auth.users u WHERE u.id = tenant) THEN
        -- Where auth is a platform's, its users are the platform's to delete.
        IF (SELECT c.relowner FROM pg_class c WHERE c.oid = 'auth.users'::regclass)
           <> (SELECT c.relowner FROM pg_class c WHERE c.oid = 'runfold.erased_tenants'::regclass) THEN
            PERFORM runfold.refuse('user_not_deleted', jsonb_build_object('user_id', tenant));
        END IF;
        DELETE FROM auth.users u WHERE u.id = tenant;
        state := 'user_deleted';
        RETURN;
    END IF;
    SELECT * INTO entry FROM runfold.erased_tenants t WHERE t.user_id = tenant FOR NO KEY UPDATE;
    IF entry.user_id IS NULL THEN
        INSERT INTO runfold.erased_tenants (user_id) VALUES (tenant) ON CONFLICT DO NOTHING;
        state := 'refusing';
        RETURN;
    END IF;
    IF entry.begun_in = pg_current_xact_id() THEN
        state := 'refusing';
        RETURN;
    END IF;
    IF entry.position IS NULL THEN
        IF entry.issued IS NULL THEN
            entry.issued := (SELECT q.last_value - (NOT q.is_called)::integer FROM runfold.events_position q);
            UPDATE runfold.erased_tenants t SET issued = entry.issued WHERE t.user_id = tenant;
        END IF;
        IF runfold.safe_head() < entry.issued THEN
            state := 'waiting';
            "position" := entry.issued;
            RETURN;
        END IF;
        entry.position := runfold.append_tenant_erased(tenant);
        UPDATE runfold.erased_tenants t SET position = entry.position WHERE t.user_id = tenant;
        DELETE FROM runfold.claims c USING runfold.streams s WHERE s.user_id = tenant AND c.stream_id = s.stream_id;
        DELETE FROM runfold.snapshots n USING runfold.streams s
         WHERE s.user_id = tenant AND s.stream_id = runfold.stream_id(n.category, n.originator_id);
    END IF;
    state := 'erased';
    "position" := entry.position;
END
$$;
