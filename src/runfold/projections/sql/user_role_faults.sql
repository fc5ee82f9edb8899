-- user_role_faults: what the session's login may do that a login for users' projections must not be able to; one row a fault.
-- Parameters: tables (text[], schema.table: runfold's read tables).
SELECT format('it has %%s', a.name)
  FROM pg_roles r
 CROSS JOIN LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
                            ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls)) AS a (name, has)
 WHERE r.rolname = session_user AND a.has
UNION ALL
SELECT format('it is a member of %%s', o.rolname)
  FROM pg_roles o
 WHERE o.rolname <> session_user AND o.rolname <> 'runfold_projections' AND pg_has_role(session_user, o.oid, 'MEMBER')
   AND (o.rolname LIKE 'runfold\_%%' OR o.rolname LIKE 'pg\_%%' OR o.rolsuper OR o.rolcreaterole OR o.rolbypassrls
        OR o.rolname IN ('service_role', 'authenticated', 'anon'))
   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user)
UNION ALL
SELECT format('it may write %%s', c.oid::regclass)
  FROM pg_class c
 WHERE c.relnamespace = 'runfold'::regnamespace AND c.relkind IN ('r', 'p')
   AND has_table_privilege(session_user, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user)
UNION ALL
SELECT format('it may write %%s, a table of runfold''s', p.name)
  FROM unnest(%(tables)s::text[]) AS p (name)
 WHERE to_regclass(p.name) IS NOT NULL
   AND has_table_privilege(session_user, to_regclass(p.name), 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user)
UNION ALL
SELECT 'it owns the database'
  FROM pg_database d
 WHERE d.datname = current_database() AND pg_has_role(session_user, d.datdba, 'MEMBER')
   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user)
UNION ALL
SELECT 'it is not a member of runfold_projections'
 WHERE NOT pg_has_role(session_user, 'runfold_projections', 'MEMBER')
