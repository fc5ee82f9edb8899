-- Refuses to go on where a tenant is not erased.
--
-- grant: operator
CREATE FUNCTION runfold.require_erased(user_id uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = require_erased.user_id AND t.position IS NOT NULL) THEN
        PERFORM runfold.refuse('tenant_not_erased', jsonb_build_object('user_id', user_id));
    END IF;
END
$$;
