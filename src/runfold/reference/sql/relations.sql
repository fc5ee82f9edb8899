-- relations: tables and views of public and runfold, partitions left out; who may read them besides their owner.
-- What an extension brought along is not ours.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END AS kind,
       obj_description(c.oid, 'pg_class') AS comment,
       ARRAY(SELECT DISTINCT r.rolname::text
               FROM aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
              WHERE a.privilege_type = 'SELECT' AND a.grantee <> c.relowner ORDER BY 1) AS select_grants
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'runfold') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
