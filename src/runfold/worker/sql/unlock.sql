-- unlock: gives a session lock of the log back.
-- Parameters: number.
SELECT pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, %(number)s)
