-- Notes that a subscription's handler failed once more on the event behind its bookmark, and with what.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.fail_subscription(subscription text, code text, error text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.subscriptions s
       SET failed_code = $2, failed_error = $3, failed_since = coalesce(s.failed_since, clock_timestamp()),
           failed_tries = s.failed_tries + 1
     WHERE s.name = $1
$$;
