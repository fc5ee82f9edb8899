-- The key of the session lock that the consumer of a subscription holds.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.subscription_lock(subscription text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtextextended($1, 'runfold.subscriptions'::regclass::oid::bigint)
$$;
