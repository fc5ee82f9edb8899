-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: sampling_rights
-- What a session may ask besides: whether the sizes of WAL's files, and where the data is, if it may know.
SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE'),
       (SELECT setting FROM pg_settings WHERE name = 'data_directory')

-- name: limit_time
-- Ends each statement of this transaction after so many milliseconds. Parameters: milliseconds.
SELECT set_config('statement_timeout', %(milliseconds)s::text, true)

-- name: wal_bytes
-- The bytes of WAL that the server keeps; put into `sample` where the session may ask.
(SELECT sum(w.size) FROM pg_ls_waldir() AS w)
