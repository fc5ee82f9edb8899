-- A role that is neither a superuser nor the log's owner may write the log past its functions.
--
-- Events that are inserted so have no checked body, no settled position and no claims.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md#roles
SELECT 'role ' || r.rolname AS object,
       format('it may %%s %%s past the functions', string_agg(p.privilege, ', ' ORDER BY p.privilege), c.oid::regclass) AS problem,
       format('REVOKE %%s ON %%s FROM %%I, or the membership by which it has them',
              string_agg(p.privilege, ', ' ORDER BY p.privilege), c.oid::regclass, r.rolname) AS remedy
  FROM pg_roles r
 CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p (privilege)
  JOIN pg_class c ON c.oid = 'runfold.events'::regclass
                  OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'runfold.events'::regclass)
 WHERE NOT r.rolsuper AND r.oid <> c.relowner AND r.rolname !~ '^pg_'
   AND CASE WHEN p.privilege IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(r.oid, c.oid, p.privilege)
            ELSE has_table_privilege(r.oid, c.oid, p.privilege) END
 GROUP BY r.rolname, c.oid
