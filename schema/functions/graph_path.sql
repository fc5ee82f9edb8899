-- A shortest path between two nodes of a tenant's graph, node by node from the first to the last; no row if there is none.
--
-- Two searches come toward each other, each time the one with the smaller frontier. It refuses to visit more than 200,000
-- nodes. No path within the depth is an answer, and not an error.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.graph_path(
    tenant uuid, start text, goal text, max_depth integer DEFAULT 6, direction text DEFAULT 'both', types text[] DEFAULT NULL
) RETURNS TABLE (step integer, id varchar, label varchar, type varchar, properties jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    backward constant text := CASE direction WHEN 'out' THEN 'in' WHEN 'in' THEN 'out' ELSE direction END;
    -- Of each side the nodes it has seen, level after level, and where each level begins.
    seen text[] := ARRAY[start];
    seen_back text[] := ARRAY[goal];
    begins integer[] := ARRAY[1];
    begins_back integer[] := ARRAY[1];
    level text[] := ARRAY[start];
    level_back text[] := ARRAY[goal];
    meeting text := CASE WHEN start = goal THEN start END;
    path text[];
BEGIN
    PERFORM runfold.require_between('/max_depth', max_depth, 1, 8);
    WHILE meeting IS NULL LOOP
        IF cardinality(begins) + cardinality(begins_back) - 2 >= max_depth THEN
            RETURN;
        END IF;
        IF cardinality(level) <= cardinality(level_back) THEN
            level := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level, direction, types) AS a EXCEPT SELECT unnest(seen));
            begins := begins || cardinality(seen) + 1;
            seen := seen || level;
        ELSE
            level_back := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level_back, backward, types) AS a EXCEPT SELECT unnest(seen_back));
            begins_back := begins_back || cardinality(seen_back) + 1;
            seen_back := seen_back || level_back;
        END IF;
        IF cardinality(level) = 0 OR cardinality(level_back) = 0 THEN
            RETURN;
        END IF;
        IF cardinality(seen) + cardinality(seen_back) > 200000 THEN
            PERFORM runfold.refuse('graph_too_large', jsonb_build_object('limit', 200000));
        END IF;
        meeting := (SELECT min(a COLLATE "C") FROM unnest(level) AS a JOIN unnest(level_back) AS b ON a = b);
    END LOOP;
    path := ARRAY[meeting];
    -- From the meeting point back through the levels of each side: some node of each level is next to the one before.
    FOR i IN REVERSE cardinality(begins) - 1 .. 1 LOOP
        path := (SELECT min(a COLLATE "C") FROM runfold.adjacent_nodes(tenant, path[1:1], backward, types) AS a
                  WHERE a = ANY (seen[begins[i] : begins[i + 1] - 1])) || path;
    END LOOP;
    FOR i IN REVERSE cardinality(begins_back) - 1 .. 1 LOOP
        path := path || (SELECT min(a COLLATE "C") FROM runfold.adjacent_nodes(tenant, path[cardinality(path) :], direction, types) AS a
                          WHERE a = ANY (seen_back[begins_back[i] : begins_back[i + 1] - 1]));
    END LOOP;
    RETURN QUERY
    SELECT p.place::integer - 1, n.id, n.label, n.type, n.properties
      FROM unnest(path) WITH ORDINALITY AS p (id, place)
      JOIN public.graph_nodes n ON n.user_id = tenant AND n.id = p.id
     ORDER BY p.place;
END
$$;
