-- arm: holds the lock that makes appends of an application notify; false when an appender has it for the moment. Parameters: category.
SELECT pg_try_advisory_lock_shared('runfold.applications'::regclass::oid::bigint::bit(32)::integer, hashtext(%(category)s))
