-- A role of the worker's, or the database, has a time limit of sessions.
--
-- runfold's own sessions take it back. Behind a pooler they cannot, and your own SQL does not.
--
-- severity: advice
-- see: how-to/use-your-own-postgresql.md
SELECT concat_ws(' in ', 'role ' || r.rolname, 'database ' || d.datname) AS object,
       format('%%s is set for it: statements end early behind a pooler, and in SQL of your own', c.setting) AS problem,
       CASE WHEN r.oid IS NULL THEN format('ALTER DATABASE %%I RESET %%s', d.datname, split_part(c.setting, '=', 1))
            ELSE concat_ws(' ', 'ALTER ROLE ' || quote_ident(r.rolname), 'IN DATABASE ' || quote_ident(d.datname),
                           'RESET ' || split_part(c.setting, '=', 1)) END AS remedy
  FROM pg_db_role_setting s
 CROSS JOIN unnest(s.setconfig) AS c (setting)
  LEFT JOIN pg_roles r ON r.oid = s.setrole
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c.setting ~ '^(statement_timeout|transaction_timeout|idle_in_transaction_session_timeout|idle_session_timeout)=.*[1-9]'
   AND (d.oid IS NULL OR d.datname = current_database())
   AND (r.oid IS NULL OR pg_has_role(r.oid, 'runfold_projector', 'MEMBER'))
