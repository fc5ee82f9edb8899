-- What a database holds, an object a row: kind, name, definition, comment, grants (role -> privileges), the relation that the
-- object belongs to, and whether it is a copy that PostgreSQL keeps equal to a parent's. The order of columns does not matter,
-- nor who owns an object; the stamps of versions are left out, and what an extension brings.
WITH schemas AS (
    SELECT n.oid, n.nspname
      FROM pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'supabase_migrations')
), relations AS (
    SELECT c.*, format('%I.%I', s.nspname, c.relname) AS name,
           CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                          WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' END AS kind
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f')
), objects (kind, name, definition, comment, acl, owner, relation, copied) AS (
    SELECT 'schema', quote_ident(s.nspname), '',
           CASE WHEN obj_description(s.oid, 'pg_namespace') !~ '^runfold schema \d{14}' THEN obj_description(s.oid, 'pg_namespace') END,
           n.nspacl, n.nspowner, NULL, false
      FROM schemas s JOIN pg_namespace n ON n.oid = s.oid
    UNION ALL
    SELECT r.kind, r.name,
           concat_ws(' ', r.relkind, r.relpersistence, array_to_string(r.reloptions, ','), pg_get_partkeydef(r.oid),
                     'of ' || (SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = r.oid),
                     pg_get_expr(r.relpartbound, r.oid),
                     CASE WHEN r.relrowsecurity THEN 'row security' END, CASE WHEN r.relforcerowsecurity THEN 'forced' END,
                     'identity ' || r.relreplident::text, CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
                     (SELECT format('%s %s %s %s %s %s %s', format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin,
                                    q.seqmax, q.seqcache, q.seqcycle) FROM pg_sequence q WHERE q.seqrelid = r.oid)),
           coalesce(obj_description(r.oid, 'pg_class'), obj_description(r.reltype, 'pg_type')),
           coalesce(r.relacl, (SELECT t.typacl FROM pg_type t WHERE t.oid = r.reltype AND r.relkind = 'c')), r.relowner, r.name, false
      FROM relations r
    UNION ALL
    SELECT 'column', format('%s.%I', r.name, a.attname),
           concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                     (SELECT format('COLLATE %I', l.collname) FROM pg_collation l
                       WHERE l.oid = a.attcollation AND l.collname <> 'default'),
                     CASE WHEN a.attnotnull THEN 'NOT NULL' END, nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
                     'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)),
           col_description(r.oid, a.attnum), a.attacl, r.relowner, r.name,
           EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid)
      FROM relations r
      JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE r.kind <> 'sequence'
    UNION ALL
    SELECT 'constraint', format('%I on %s', c.conname, r.name), pg_get_constraintdef(c.oid),
           CASE WHEN obj_description(c.oid, 'pg_constraint') !~ '^runfold vectors \d{14}$' THEN obj_description(c.oid, 'pg_constraint') END,
           NULL, r.relowner, r.name, c.coninhcount > 0
      FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
     WHERE c.contype NOT IN ('t', 'n')  -- which are among the triggers, and the columns
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class'),
           NULL, r.relowner, r.name,
           EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
           OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
      FROM relations r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT 'trigger', format('%I on %s', t.tgname, r.name), concat_ws(' ', pg_get_triggerdef(t.oid), nullif(t.tgenabled::text, 'O')),
           obj_description(t.oid, 'pg_trigger'), NULL, r.relowner, r.name, t.tgparentid <> 0
      FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', format('%I on %s', p.polname, r.name),
           concat_ws(' ', p.polcmd, p.polpermissive, (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ',')
                                                        FROM unnest(p.polroles) AS o),
                     pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
           obj_description(p.oid, 'pg_policy'), NULL, r.relowner, r.name, false
      FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    -- Functions are known by their names, see files.py; where one is overloaded, its arguments are named.
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           concat(format('%I.%I', s.nspname, p.proname), CASE WHEN count(*) OVER (PARTITION BY s.nspname, p.proname) > 1
                                                              THEN format('(%s)', pg_get_function_identity_arguments(p.oid)) END),
           CASE p.prokind
           WHEN 'a' THEN concat_ws(' ', pg_get_function_arguments(p.oid), (SELECT concat_ws(' ', a.aggtransfn, a.aggfinalfn,
                                   format_type(a.aggtranstype, NULL), a.agginitval) FROM pg_aggregate a WHERE a.aggfnoid = p.oid))
           ELSE pg_get_functiondef(p.oid) END,
           obj_description(p.oid, 'pg_proc'), p.proacl, p.proowner, NULL, false
      FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
     WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 'type', format('%I.%I', s.nspname, t.typname),
           concat_ws(' ', t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
                     (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
                     (SELECT string_agg(pg_get_constraintdef(c.oid), ',' ORDER BY c.conname) FROM pg_constraint c WHERE c.contypid = t.oid)),
           obj_description(t.oid, 'pg_type'), t.typacl, t.typowner, NULL, false
      FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd', 'r')
    UNION ALL
    SELECT 'default privileges', concat_ws(' ', d.defaclobjtype, 'in', s.nspname), '', NULL, d.defaclacl, d.defaclrole, NULL, false
      FROM pg_default_acl d JOIN schemas s ON s.oid = d.defaclnamespace
    UNION ALL
    SELECT 'publication', quote_ident(p.pubname),
           concat_ws(' ', p.puballtables, p.pubviaroot, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
                     (SELECT string_agg(r.prrelid::regclass::text, ',' ORDER BY r.prrelid::regclass::text COLLATE "C")
                        FROM pg_publication_rel r WHERE r.prpubid = p.oid)),
           obj_description(p.oid, 'pg_publication'), NULL, p.pubowner, NULL, false
      FROM pg_publication p
    UNION ALL
    SELECT 'extension', e.extname, e.extversion, NULL, NULL, e.extowner, NULL, false FROM pg_extension e
)
SELECT o.kind, o.name, o.definition, o.comment,
       coalesce((SELECT jsonb_object_agg(g.role, g.privileges)
                   FROM (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END AS role,
                                jsonb_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END
                                          ORDER BY x.privilege_type COLLATE "C") AS privileges
                           FROM aclexplode(o.acl) AS x
                          WHERE x.grantee <> o.owner
                          GROUP BY x.grantee) AS g), '{}') AS grants,
       o.relation, o.copied
  FROM objects o
 ORDER BY o.kind, o.name COLLATE "C", o.definition COLLATE "C"
