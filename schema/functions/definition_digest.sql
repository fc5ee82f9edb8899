-- The digest of a definition: sha256 of its text without positions, notes, times and ids.
--
-- A move on the canvas makes no version, and a copy has the digest of its original. The order of nodes and of connections counts;
-- definition_of has them in one order.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.definition_digest(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.digest_of_parts(
        definition - '{id,user_id,session_id,created_at,updated_at}'::text[]
            - CASE WHEN jsonb_typeof(definition -> 'nodes') = 'array' THEN 'nodes' ELSE '' END
            - CASE WHEN jsonb_typeof(definition -> 'connections') = 'array' THEN 'connections' ELSE '' END,
        (SELECT string_agg(CASE WHEN jsonb_typeof(e.node) = 'object'
                                THEN e.node - '{position,position_x,position_y,notes,created_at,updated_at}'::text[]
                                ELSE e.node END::text, E'\n' ORDER BY e.n)
           FROM jsonb_array_elements(CASE WHEN jsonb_typeof(definition -> 'nodes') = 'array' THEN definition -> 'nodes' ELSE '[]' END)
                WITH ORDINALITY AS e (node, n)),
        (SELECT string_agg(e.edge::text, E'\n' ORDER BY e.n)
           FROM jsonb_array_elements(CASE WHEN jsonb_typeof(definition -> 'connections') = 'array'
                                          THEN definition -> 'connections' ELSE '[]' END) WITH ORDINALITY AS e (edge, n)))
$$;
