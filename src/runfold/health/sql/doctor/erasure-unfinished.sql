-- The erasure of a tenant was begun and not ended.
--
-- severity: error
-- see: how-to/erase-a-tenant.md
SELECT 'tenant ' || t.user_id AS object,
       format('its erasure was begun at %%s UTC and is not done', to_char(t.begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS problem,
       format('`runfold tenant erase %%s`: it goes on where it was', t.user_id) AS remedy
  FROM runfold.erased_tenants t
 WHERE t.erased_at IS NULL AND t.begun_at < clock_timestamp() - make_interval(secs => %(transaction_seconds)s)
