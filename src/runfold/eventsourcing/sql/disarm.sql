-- disarm: lets that lock go. Parameters: category.
SELECT pg_advisory_unlock_shared('runfold.applications'::regclass::oid::bigint::bit(32)::integer, hashtext(%(category)s))
