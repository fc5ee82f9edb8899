-- An engine or a worker is connected as a superuser, or by a login that bypasses row security.
--
-- What keeps the log from being changed, and tenants from each other, does not hold for it. The embedded server's own
-- login is not looked at.
--
-- severity: advice
-- needs: pg_read_all_stats
-- see: how-to/use-your-own-postgresql.md#roles
SELECT 'role ' || r.rolname AS object,
       format('%%s is connected as %%s: nothing restrains it', string_agg(DISTINCT a.application_name, ', '),
              CASE WHEN r.rolsuper THEN 'a superuser' ELSE 'a role that bypasses row security' END) AS problem,
       'give it a login of its own, IN ROLE runfold_engine or runfold_projector' AS remedy
  FROM pg_stat_activity a
  JOIN pg_roles r ON r.oid = a.usesysid AND (r.rolsuper OR r.rolbypassrls)
 WHERE a.datname = current_database() AND a.application_name LIKE 'runfold%%' AND a.pid <> pg_backend_pid()
   AND a.application_name NOT IN ('runfold cli', 'runfold doctor', 'runfold migrate') AND NOT %(embedded)s
 GROUP BY r.rolname, r.rolsuper
