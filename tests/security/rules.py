"""Rules for what a migrated database may hold, each as a query that finds what breaks it.

The first part is ours: what tenants could reach beside tables. The second has the rules of the platform's database
linter, so that they are looked at without it, and in other schemas than `public` as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A query whose first column is what breaks the rule, and what may break it, each with the reason."""

    query: str
    exceptions: dict[str, str] = {}  # noqa: RUF012  never changed


# What is ours: not PostgreSQL's, the platform's, an extension's.
OURS = "n.nspname !~ '^pg_|^information_schema$|^supabase|^auth$|^extensions$'"
NO_MEMBER = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {} AND d.deptype = 'e')"
TENANTS = "(VALUES ('anon'), ('authenticated')) AS t (role)"

RULES = {
    # -- functions -----------------------------------------------------------------------------------------------------
    "no function is executable by everybody": Rule(
        f"""SELECT p.oid::regprocedure::text
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
                   aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
             WHERE {OURS} AND {NO_MEMBER.format("p.oid")} AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'"""
    ),
    "who runs with its owner's rights names its search path": Rule(
        f"""SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE {OURS} AND p.prosecdef
               AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c ~ '^search_path=(""|.*pg_temp$)')"""
    ),
    "what tenants run with its owner's rights takes no user": Rule(
        f"""SELECT DISTINCT p.oid::regprocedure::text
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
                   unnest(p.proargnames) AS a (name), {TENANTS}
             WHERE {OURS} AND p.prosecdef AND has_function_privilege(t.role, p.oid, 'EXECUTE')
               AND a.name ~ 'user|tenant|owner'
               AND a.name IN (SELECT p.proargnames[i] FROM generate_series(1, p.pronargs) AS i)"""
    ),
    "what tenants run with its owner's rights asks who they are": Rule(
        f"""SELECT DISTINCT p.oid::regprocedure::text
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, {TENANTS}
             WHERE {OURS} AND p.prosecdef AND has_function_privilege(t.role, p.oid, 'EXECUTE')
               AND pg_get_functiondef(p.oid) !~ 'auth\\.uid\\(\\)'""",
        {
            "runfold.refuse(text,jsonb,jsonb)": "raises an error with the words of the catalogue, and shows no row",
            "runfold.refuse_search(text,jsonb)": "the same",
            "runfold.cutoff_of(text)": "returns a time that is the same for everybody",
            "runfold.definition_faults(jsonb)": "compares its argument with registries that everybody reads",
        },
    ),
    "anon runs nothing of ours": Rule(
        f"""SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE {OURS} AND {NO_MEMBER.format("p.oid")} AND has_function_privilege('anon', p.oid, 'EXECUTE')"""
    ),
    # -- relations -----------------------------------------------------------------------------------------------------
    "a view shows its caller what the caller may see": Rule(
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE {OURS} AND {NO_MEMBER.format("c.oid")} AND c.relkind = 'v'
               AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)"""
    ),
    "no materialized view or foreign table is shown": Rule(
        f"""SELECT DISTINCT c.oid::regclass::text
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, {TENANTS}
             WHERE {OURS} AND c.relkind IN ('m', 'f') AND has_any_column_privilege(t.role, c.oid, 'SELECT')"""
    ),
    "a partition is reached through its parent only": Rule(
        f"""SELECT c.oid::regclass::text
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, {TENANTS}
             WHERE {OURS} AND c.relispartition AND c.relkind IN ('r', 'p')
               AND (has_any_column_privilege(t.role, c.oid, 'SELECT, INSERT, UPDATE')
                    OR has_table_privilege(t.role, c.oid, 'DELETE, TRUNCATE')
                    OR has_schema_privilege(t.role, n.oid, 'USAGE')
                       AND c.oid NOT IN (SELECT relid FROM pg_partition_tree('runfold.anomalies')))"""
    ),
    "nobody uses the schema of partitions": Rule(
        """SELECT r.rolname FROM pg_roles r
            WHERE (r.rolname LIKE 'runfold\\_%' OR r.rolname IN ('anon', 'authenticated', 'service_role'))
              AND has_schema_privilege(r.oid, 'runfold_partitions', 'USAGE, CREATE')"""
    ),
    "tenants use these schemas only": Rule(
        f"""SELECT format('%s by %s', n.nspname, t.role) FROM pg_namespace n, {TENANTS}
             WHERE {OURS} AND has_schema_privilege(t.role, n.oid, 'USAGE')
               AND (n.nspname <> 'public' AND (n.nspname, t.role) <> ('runfold', 'authenticated')
                    OR has_schema_privilege(t.role, n.oid, 'CREATE'))""",
        {"projections by authenticated": "tables of users' projections, whose own policies show a tenant its rows"},
    ),
    "what tenants are granted has row security": Rule(
        f"""SELECT DISTINCT c.oid::regclass::text
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, {TENANTS}
             WHERE {OURS} AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
               AND (has_any_column_privilege(t.role, c.oid, 'SELECT, INSERT, UPDATE')
                    OR has_table_privilege(t.role, c.oid, 'DELETE, TRUNCATE'))"""
    ),
    "no sequence tells tenants how much there is": Rule(
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, {TENANTS}
             WHERE {OURS} AND c.relkind = 'S' AND has_sequence_privilege(t.role, c.oid, 'USAGE, SELECT, UPDATE')"""
    ),
    "tenants get rights by policies and grants, not by their membership": Rule(
        """SELECT m.roleid::regrole::text FROM pg_auth_members m
            WHERE m.member IN ('anon'::regrole, 'authenticated'::regrole)"""
    ),
    "a new object is granted to no tenant": Rule(
        f"""SELECT d.defaclnamespace::regnamespace::text
              FROM pg_default_acl d, aclexplode(d.defaclacl) AS a, {TENANTS}
             WHERE a.grantee IN (0, t.role::regrole)"""
    ),
    # -- keys ----------------------------------------------------------------------------------------------------------
    "a reference between tables of tenants begins with the user": Rule(
        """SELECT c.conname FROM pg_constraint c
            WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid <> to_regclass('auth.users')
              AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attname = 'user_id')
              AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                                AND a.attname = 'user_id')
              -- Nobody but a fold writes these.
              AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.conrelid AND p.polcmd = '*'
                             AND 'authenticated'::regrole = ANY (p.polroles))""",
        {
            "node_belongs_to_a_workflow": "for a workflow of nobody; a trigger takes the user from the workflow",
            "node_connection_belongs_to_a_workflow": "the same",
            "node_connection_starts_at_a_node": "within a workflow, whose user a trigger takes",
            "node_connection_ends_at_a_node": "the same",
        },
    ),
    # -- publication ---------------------------------------------------------------------------------------------------
    "a published table is one that tenants see, as its root": Rule(
        """SELECT t.schemaname || '.' || t.tablename FROM pg_publication_tables t JOIN pg_publication p USING (pubname)
            WHERE NOT p.puballtables
              AND (t.schemaname <> 'public' OR NOT EXISTS (
                    SELECT FROM pg_policies s WHERE (s.schemaname, s.tablename) = (t.schemaname, t.tablename)
                       AND s.policyname = 'a tenant reads its own rows'))"""
    ),
    "every read table is published": Rule(
        """SELECT s.tablename FROM pg_policies s
            WHERE s.schemaname = 'public' AND s.policyname = 'a tenant reads its own rows'
              AND NOT EXISTS (SELECT FROM pg_publication_tables t
                               WHERE (t.schemaname, t.tablename) = (s.schemaname, s.tablename))""",
        {"external_api_call_logs": "what was asked of other services is no news for a browser"},
    ),
    "what is published keeps the identity of its key": Rule(
        """SELECT c.relname FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
            WHERE c.relreplident <> 'd'"""
    ),
    # -- the platform's linter ----------------------------------------------------------------------------------------
    "0001 a foreign key's columns lead an index": Rule(
        f"""SELECT c.conname FROM pg_constraint c
              JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
             WHERE {OURS} AND c.contype = 'f' AND c.conparentid = 0
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid
                                  AND (SELECT array_agg(k ORDER BY k)
                                         FROM unnest((i.indkey::smallint[])[0:cardinality(c.conkey) - 1]) AS k)
                                      = (SELECT array_agg(k ORDER BY k) FROM unnest(c.conkey) AS k))"""
    ),
    "0003 auth.uid() is asked once a query": Rule(
        """SELECT format('%s on %s', p.polname, p.polrelid::regclass) FROM pg_policy p
            WHERE concat(pg_get_expr(p.polqual, p.polrelid), ' ', pg_get_expr(p.polwithcheck, p.polrelid))
                  ~ '(auth\\.(uid|jwt|role)|current_setting)\\('
              AND regexp_replace(concat(pg_get_expr(p.polqual, p.polrelid), ' ',
                                        pg_get_expr(p.polwithcheck, p.polrelid)),
                                 'SELECT (auth\\.(uid|jwt|role)|current_setting)\\(', '', 'g')
                  ~ '(auth\\.(uid|jwt|role)|current_setting)\\('"""
    ),
    "0004 a table has a primary key": Rule(
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE {OURS} AND c.relkind IN ('r', 'p')
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"""
    ),
    "0006 one permissive policy a role and verb": Rule(
        """SELECT format('%s for %s', p.polrelid::regclass, r.oid::regrole)
             FROM pg_policy p, unnest(p.polroles) AS r (oid),
                  unnest(CASE p.polcmd WHEN '*' THEN '{r,a,w,d}'::"char"[] ELSE ARRAY[p.polcmd] END) AS c (verb)
            WHERE p.polpermissive GROUP BY p.polrelid, r.oid, c.verb HAVING count(*) > 1"""
    ),
    "0007 a table with policies has row security": Rule(
        """SELECT DISTINCT c.oid::regclass::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
            WHERE NOT c.relrowsecurity"""
    ),
    "0008 a table with row security has policies": Rule(
        """SELECT c.oid::regclass::text FROM pg_class c
            WHERE c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"""
    ),
    "0009 no two indexes are the same": Rule(
        f"""SELECT min(i.indexrelid::regclass::text)
              FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace n ON n.oid = r.relnamespace
             WHERE {OURS} AND NOT r.relispartition
             GROUP BY i.indrelid, regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX .* ON ', ' ')
            HAVING count(*) > 1"""
    ),
    "0013 a table in public has row security": Rule(
        """SELECT c.oid::regclass::text FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity"""
    ),
    "0014 no extension is in public": Rule(
        "SELECT e.extname FROM pg_extension e WHERE e.extnamespace = 'public'::regnamespace",
        dict.fromkeys(
            ("vector", "pg_trgm"), "where the platform has no schema `extensions`, and the migrating role chose none"
        ),
    ),
    "a policy names its roles": Rule(
        "SELECT format('%s on %s', p.polname, p.polrelid::regclass) FROM pg_policy p WHERE 0::oid = ANY (p.polroles)"
    ),
    "a policy does not look into another table": Rule(
        """SELECT format('%s on %s', p.polname, p.polrelid::regclass) FROM pg_policy p
            WHERE concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ~ ' FROM '"""
    ),
    "the users of the platform are shown by no view": Rule(
        f"""SELECT DISTINCT c.oid::regclass::text
              FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class c ON c.oid = w.ev_class
              JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE {OURS} AND d.refobjid = 'auth.users'::regclass AND c.relkind IN ('v', 'm')"""
    ),
}

# A change that breaks a rule, for each: what is found then begins with the text.
BREAKS = {
    "no function is executable by everybody": (
        "GRANT EXECUTE ON FUNCTION runfold.read_all TO PUBLIC",
        "runfold.read_all",
    ),
    "who runs with its owner's rights names its search path": (
        "ALTER FUNCTION runfold.keep_log_columns() RESET search_path",
        "runfold.keep_log_columns",
    ),
    "what tenants run with its owner's rights takes no user": (
        """CREATE FUNCTION runfold.rows_of(user_id uuid) RETURNS bigint LANGUAGE sql SECURITY DEFINER
           SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.workflows w WHERE w.user_id = $1';
           GRANT EXECUTE ON FUNCTION runfold.rows_of TO authenticated""",
        "runfold.rows_of",
    ),
    "what tenants run with its owner's rights asks who they are": (
        """CREATE FUNCTION runfold.all_rows() RETURNS bigint LANGUAGE sql SECURITY DEFINER
           SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.workflows';
           GRANT EXECUTE ON FUNCTION runfold.all_rows TO authenticated""",
        "runfold.all_rows",
    ),
    "anon runs nothing of ours": ("GRANT EXECUTE ON FUNCTION runfold.safe_head TO anon", "runfold.safe_head"),
    "a view shows its caller what the caller may see": (
        "ALTER VIEW public.execution_outputs RESET (security_invoker)",
        "execution_outputs",
    ),
    "no materialized view or foreign table is shown": (
        """CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM public.workflows;
           GRANT SELECT ON public.kept TO authenticated""",
        "kept",
    ),
    "a partition is reached through its parent only": (
        "CREATE TABLE public.elsewhere PARTITION OF runfold.events FOR VALUES FROM (900000000000) TO (900000000001)",
        "elsewhere",
    ),
    "nobody uses the schema of partitions": (
        "GRANT USAGE ON SCHEMA runfold_partitions TO authenticated",
        "authenticated",
    ),
    "what tenants are granted has row security": (
        "CREATE TABLE projections.fresh (id uuid PRIMARY KEY); GRANT SELECT ON projections.fresh TO authenticated",
        "projections.fresh",
    ),
    "tenants use these schemas only": ("GRANT USAGE ON SCHEMA runfold_shadow TO anon", "runfold_shadow"),
    "no sequence tells tenants how much there is": (
        "GRANT SELECT ON runfold.events_position TO authenticated",
        "runfold.events_position",
    ),
    "tenants get rights by policies and grants, not by their membership": None,  # a role is the cluster's: see the test
    "a new object is granted to no tenant": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA runfold GRANT SELECT ON TABLES TO authenticated",
        "runfold",
    ),
    "a reference between tables of tenants begins with the user": (
        "ALTER TABLE public.sessions ADD CONSTRAINT past FOREIGN KEY (source_workflow_id) REFERENCES public.workflows",
        "past",
    ),
    "a published table is one that tenants see, as its root": (
        "ALTER PUBLICATION runfold_realtime SET (publish_via_partition_root = false)",
        "runfold_partitions.",
    ),
    "every read table is published": (
        "ALTER PUBLICATION runfold_realtime DROP TABLE public.node_executions",
        "node_executions",
    ),
    "what is published keeps the identity of its key": (
        "ALTER TABLE public.node_executions REPLICA IDENTITY FULL",
        "node_executions",
    ),
    "0001 a foreign key's columns lead an index": (
        "DROP INDEX public.idx_workflows_session_id",
        "workflow_comes_from_a_session_of_its_user",
    ),
    "0003 auth.uid() is asked once a query": (
        'ALTER POLICY "Users can manage own workflows" ON public.workflows USING (auth.uid() = user_id)',
        "Users can manage",
    ),
    "0004 a table has a primary key": ("CREATE TABLE runfold.keyless (n integer)", "runfold.keyless"),
    "0006 one permissive policy a role and verb": (
        "CREATE POLICY more ON public.workflows FOR SELECT TO authenticated USING (is_template)",
        "workflows for authenticated",
    ),
    "0007 a table with policies has row security": (
        "ALTER TABLE public.workflows DISABLE ROW LEVEL SECURITY",
        "workflows",
    ),
    "0008 a table with row security has policies": (
        "ALTER TABLE runfold.claims ENABLE ROW LEVEL SECURITY",
        "runfold.claims",
    ),
    "0009 no two indexes are the same": ("CREATE INDEX twice ON public.nodes (node_type)", "idx_nodes_type"),
    "0013 a table in public has row security": ("CREATE TABLE public.fresh (id uuid PRIMARY KEY)", "fresh"),
    "0014 no extension is in public": ("CREATE EXTENSION hstore SCHEMA public", "hstore"),
    "a policy names its roles": ("CREATE POLICY more ON public.workflows USING (is_template)", "more on"),
    "a policy does not look into another table": (
        """CREATE POLICY shared ON public.nodes FOR SELECT TO service_role
           USING (EXISTS (SELECT FROM public.workflows w WHERE w.id = workflow_id))""",
        "shared on",
    ),
    "the users of the platform are shown by no view": (
        "CREATE VIEW public.people WITH (security_invoker = true) AS SELECT id, email FROM auth.users",
        "people",
    ),
}
