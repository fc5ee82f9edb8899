-- Notes that everything of an erasure was done; returns when; null before its TenantErased is in the log.
--
-- grant: operator
CREATE FUNCTION runfold.end_erasure(tenant uuid) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.erased_tenants t SET erased_at = coalesce(t.erased_at, clock_timestamp())
     WHERE t.user_id = tenant AND t.position IS NOT NULL
    RETURNING t.erased_at
$$;
