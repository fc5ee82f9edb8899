-- rebuild_lock: whether this session is now the only one that rebuilds a group. Parameters: key.
SELECT pg_try_advisory_lock(hashtextextended(%(key)s, 0))
