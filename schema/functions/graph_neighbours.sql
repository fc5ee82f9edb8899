-- The nodes of a tenant's graph around one of them, the nearest first, with their distance.
--
-- A level at a time, over ids that are kept in arrays: a tenant may not make temporary tables, and a replica cannot.
-- It ends with the level that fills the limit, and refuses a neighbourhood of more than 100,000 nodes.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.graph_neighbours(
    tenant uuid, start text, depth integer DEFAULT 1, max_results integer DEFAULT 100, direction text DEFAULT 'both',
    types text[] DEFAULT NULL
) RETURNS TABLE (id varchar, label varchar, type varchar, properties jsonb, distance integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen text[] := ARRAY[start];
    level text[] := ARRAY[start];
    distances integer[] := ARRAY[0];
BEGIN
    PERFORM runfold.require_between('/depth', depth, 1, 4);
    PERFORM runfold.require_between('/limit', max_results, 1, 10000);
    FOR far IN 1 .. depth LOOP
        level := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level, direction, types) AS a EXCEPT SELECT unnest(seen));
        EXIT WHEN cardinality(level) = 0;
        seen := seen || level;
        distances := distances || array_fill(far, ARRAY[cardinality(level)]);
        IF cardinality(seen) > 100001 THEN
            PERFORM runfold.refuse('graph_too_large', jsonb_build_object('limit', 100000));
        END IF;
        EXIT WHEN cardinality(seen) > max_results;
    END LOOP;
    RETURN QUERY
    SELECT n.id, n.label, n.type, n.properties, s.distance
      FROM unnest(seen[2:], distances[2:]) AS s (id, distance)
      JOIN public.graph_nodes n ON n.user_id = tenant AND n.id = s.id
     ORDER BY s.distance, n.id COLLATE "C"
     LIMIT max_results;
END
$$;
