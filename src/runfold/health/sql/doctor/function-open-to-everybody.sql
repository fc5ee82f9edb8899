-- Every role may call a function of runfold's, as appending.
--
-- severity: error
-- see: reference/sql.md
SELECT p.oid::regprocedure::text AS object, 'every role may call it' AS problem,
       format('REVOKE EXECUTE ON FUNCTION %%s FROM PUBLIC', p.oid::regprocedure) AS remedy
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE (n.nspname = 'runfold' OR (n.nspname = 'public' AND p.proname LIKE 'runfold\_%%'))
   AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
