-- functions: the functions of the schema runfold, and the roles that may call them besides their owner.
SELECT p.proname::text AS name, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_identity_arguments(p.oid) AS identity, coalesce(pg_get_function_result(p.oid), '') AS result,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       p.prorettype = 'trigger'::regtype AS is_trigger, p.prosecdef AS security_definer,
       obj_description(p.oid, 'pg_proc') AS comment,
       -- Without a list everybody may call, PostgreSQL's default; grantee 0 is everybody too.
       CASE WHEN p.proacl IS NULL THEN ARRAY['PUBLIC']
            ELSE ARRAY(SELECT DISTINCT coalesce(r.rolname::text, 'PUBLIC')
                         FROM aclexplode(p.proacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
                        WHERE a.grantee <> p.proowner ORDER BY 1)
       END AS execute_grants
  FROM pg_proc p
 WHERE p.pronamespace = 'runfold'::regnamespace
 ORDER BY p.proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C"
