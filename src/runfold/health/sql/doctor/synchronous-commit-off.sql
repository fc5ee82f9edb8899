-- Appends are acknowledged before they are on the disk: for all, or for a role or a database.
--
-- A crash loses events that engines took for recorded. The worker turns it off for itself alone, which is safe: what
-- it folds can be folded again.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT 'server' AS object, 'synchronous_commit is off: acknowledged events can be lost' AS problem,
       'ALTER SYSTEM RESET synchronous_commit; SELECT pg_reload_conf()' AS remedy
  FROM pg_settings s
 WHERE s.name = 'synchronous_commit' AND s.reset_val = 'off' AND s.source NOT IN ('database', 'user', 'database user', 'client')
UNION ALL
SELECT concat_ws(' in ', 'role ' || r.rolname, 'database ' || d.datname),
       'synchronous_commit is off for it: acknowledged events can be lost',
       CASE WHEN r.oid IS NULL THEN format('ALTER DATABASE %%I RESET synchronous_commit', d.datname)
            ELSE concat_ws(' ', format('ALTER ROLE %%I', r.rolname), 'IN DATABASE ' || quote_ident(d.datname), 'RESET synchronous_commit')
       END
  FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE 'synchronous_commit=off' = ANY (s.setconfig) AND (d.oid IS NULL OR d.datname = current_database())
