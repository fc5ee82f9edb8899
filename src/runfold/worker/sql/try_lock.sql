-- log_locks: tries the session lock of the log with this number: 1 an idle worker, 2 the leader.
-- Parameters: number.
SELECT pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, %(number)s)
