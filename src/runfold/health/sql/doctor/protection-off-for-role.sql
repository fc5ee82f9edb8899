-- For a role or a database, triggers and foreign keys are off.
--
-- They keep the log from being changed. A session of runfold's refuses to begin under it.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT concat_ws(' in ', 'role ' || r.rolname, 'database ' || d.datname) AS object,
       format('%%s: triggers that protect the log do not run', c.setting) AS problem,
       CASE WHEN r.oid IS NULL THEN format('ALTER DATABASE %%I RESET session_replication_role', d.datname)
            ELSE concat_ws(' ', 'ALTER ROLE ' || quote_ident(r.rolname), 'IN DATABASE ' || quote_ident(d.datname),
                           'RESET session_replication_role') END AS remedy
  FROM pg_db_role_setting s
 CROSS JOIN unnest(s.setconfig) AS c (setting)
  LEFT JOIN pg_roles r ON r.oid = s.setrole
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c.setting ~ '^session_replication_role=(replica|local)' AND (d.oid IS NULL OR d.datname = current_database())
