-- Those of these tables whose rows row security may hide from the session's role.
--
-- A role sees every row where no row security applies to it, or where a policy FOR ALL lets it pass, USING (true), and no
-- RESTRICTIVE policy takes rows away again. Who folds, compares or repairs a table with hidden rows would take them for
-- missing. `SET row_security = off` is no substitute: it fails on USING (true) as well.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.hidden_tables(tables regclass[]) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t
      FROM unnest(tables) AS t
     WHERE row_security_active(t)
       AND (NOT EXISTS (SELECT FROM pg_policy p
                         WHERE p.polrelid = t AND p.polpermissive AND p.polcmd = '*' AND pg_get_expr(p.polqual, t) = 'true'
                           AND coalesce(pg_get_expr(p.polwithcheck, t), 'true') = 'true'
                           AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE')))
            OR EXISTS (SELECT FROM pg_policy p
                        WHERE p.polrelid = t AND NOT p.polpermissive
                          AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE'))))
$$;
