-- user_session_state: what a projection must leave as it found it: the transaction, who the session is, its settings, its locks.
-- In a transaction that has an id already.
SELECT jsonb_build_object(
           'transaction', pg_current_xact_id()::text, 'began', now()::text, 'session_user', session_user,
           'current_user', current_user, 'role', current_setting('role'), 'search_path', current_setting('search_path'),
           'statement_timeout', current_setting('statement_timeout'),
           'idle_in_transaction_session_timeout', current_setting('idle_in_transaction_session_timeout'),
           'lock_timeout', current_setting('lock_timeout'), 'TimeZone', current_setting('TimeZone'),
           'DateStyle', current_setting('DateStyle'), 'IntervalStyle', current_setting('IntervalStyle'),
           'extra_float_digits', current_setting('extra_float_digits'), 'bytea_output', current_setting('bytea_output'),
           'row_security', current_setting('row_security'), 'transaction_isolation', current_setting('transaction_isolation'),
           'transaction_read_only', current_setting('transaction_read_only'),
           'session_replication_role', current_setting('session_replication_role'),
           'advisory locks', (SELECT count(*) FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory'))
