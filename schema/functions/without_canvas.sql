-- Nodes without what only the canvas shows: positions, notes and times. What is no array of objects is
-- returned as it is.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.without_canvas(nodes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(nodes) = 'array' THEN coalesce((
               SELECT jsonb_agg(CASE WHEN jsonb_typeof(e.node) = 'object'
                                     THEN e.node - '{position,position_x,position_y,notes,created_at,updated_at}'::text[]
                                     ELSE e.node END ORDER BY e.n)
                 FROM jsonb_array_elements(nodes) WITH ORDINALITY AS e (node, n)), '[]')
           ELSE nodes END
$$;
