-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: columns
-- The columns of the tables and views of public and runfold, without partitions, in the order of the table.
SELECT n.nspname::text AS schema, c.relname::text AS relation, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
       pg_get_expr(d.adbin, d.adrelid) AS "default", col_description(c.oid, a.attnum) AS comment
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname IN ('public', 'runfold') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum

-- name: relations
-- The tables and views of public and runfold, without partitions, and the roles that may read them besides their owner.
-- Relations of an extension are left out.
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
