-- own_advisory_locks: a row where a session holds an advisory lock or waits for one. Parameters: pid.
SELECT true FROM pg_locks l WHERE l.pid = %(pid)s AND l.locktype = 'advisory' LIMIT 1
