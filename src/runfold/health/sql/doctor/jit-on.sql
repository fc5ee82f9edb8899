-- The server compiles expensive queries (JIT).
--
-- Reads of runfold's tables are short, and compiling takes longer than what it saves. The worker turns it off for
-- itself.
--
-- severity: advice
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, 'jit is on: short queries wait for a compiler' AS problem,
       'ALTER SYSTEM SET jit = off; SELECT pg_reload_conf()' AS remedy
 WHERE current_setting('jit') = 'on' AND NOT %(embedded)s
