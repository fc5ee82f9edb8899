-- Everything that is wrong with a workflow's definition, in the order of its parts: a JSON pointer, a
-- code of runfold.faults, the limit and what was found. No row: the definition is valid.
--
-- Parameters are compared with the newest active specification of the node's type and subtype, where there is one. Null is not given. Faults of single values come first, then those between nodes and connections.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.definition_faults(definition jsonb)
RETURNS TABLE (pointer text, code text, "limit" jsonb, found jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH parts AS (
        SELECT 'workflow' AS part, 0 AS rank, 0::bigint AS n, '' AS pointer, runfold.whole_definition(definition) AS value
        UNION ALL
        SELECT p.part, p.rank, e.n, format('/%s/%s', p.part, e.n - 1), e.value
          FROM (VALUES ('nodes', 1), ('connections', 2)) AS p (part, rank),
               runfold.whole_definition(definition) AS whole,
               jsonb_array_elements(CASE WHEN jsonb_typeof(whole) = 'object' AND jsonb_typeof(whole -> p.part) = 'array'
                                         THEN whole -> p.part ELSE '[]' END) WITH ORDINALITY AS e (value, n)
    ), objects AS (
        SELECT * FROM parts p WHERE jsonb_typeof(p.value) = 'object'
    ), given AS MATERIALIZED (
        SELECT o.part, o.rank, o.n, coalesce(f.place, 1000) AS place,
               o.pointer || '/' || replace(replace(v.key, '~', '~0'), '/', '~1') AS pointer,
               f.kind, f.minimum, f.maximum, f.allowed, v.value, v.value #>> '{}' AS content, jsonb_typeof(v.value) AS type,
               CASE WHEN f.kind IN ('name', 'text', 'enum', 'uuid') THEN 'string' WHEN f.kind IN ('integer', 'number') THEN 'number'
                    WHEN f.kind = 'strings' THEN 'array' ELSE f.kind END AS expected
          FROM objects o
         CROSS JOIN jsonb_each(o.value) AS v
          LEFT JOIN runfold.definition_fields() AS f ON f.part = o.part AND f.field = v.key
         WHERE f.kind IS NULL OR v.value <> 'null'
    ), of_values AS (
        SELECT g.rank, g.n, g.place, g.pointer,
               CASE WHEN g.kind IS NULL THEN 'unknown_field'
                    WHEN g.type <> g.expected THEN 'wrong_type'
                    WHEN g.kind IN ('name', 'text') AND length(g.content) > g.maximum THEN 'too_long'
                    WHEN g.kind = 'name' AND g.content ~ '[\x01-\x1f\x7f-\x9f]' THEN 'control_character'
                    WHEN g.kind = 'name' AND g.content ~ '^[\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$'
                    THEN 'blank'
                    WHEN g.kind = 'enum' AND g.content <> ALL (g.allowed) THEN 'not_allowed'
                    WHEN g.kind = 'uuid' AND NOT runfold.is_uuid(g.content) THEN 'not_a_uuid'
                    WHEN g.kind = 'integer' AND scale(g.value::numeric) > 0 THEN 'not_an_integer'
                    WHEN g.kind IN ('integer', 'number') AND g.value::numeric NOT BETWEEN g.minimum AND g.maximum THEN 'out_of_range'
               END AS code,
               g.expected, g.type, g.kind, g.minimum, g.maximum, g.allowed, g.content
          FROM given g
    ), strings AS (
        SELECT g.rank, g.n, g.place, format('%s/%s', g.pointer, e.n - 1) AS pointer, e.value, e.n AS item
          FROM given g, jsonb_array_elements(CASE WHEN g.type = 'array' THEN g.value ELSE '[]' END) WITH ORDINALITY AS e (value, n)
         WHERE g.kind = 'strings'
    ), nodes AS MATERIALIZED (
        SELECT o.n, o.pointer, o.value ->> 'node_id' AS node_id, o.value ->> 'node_type' AS node_type, o.value,
               row_number() OVER (PARTITION BY o.value ->> 'node_id' ORDER BY o.n) AS occurrence
          FROM objects o WHERE o.part = 'nodes' AND jsonb_typeof(o.value -> 'node_id') = 'string'
    ), named AS MATERIALIZED (
        SELECT node_id, node_type FROM nodes WHERE occurrence = 1
    ), ends AS MATERIALIZED (
        SELECT o.n, o.pointer, o.value ->> 'source_node_id' AS source, o.value ->> 'target_node_id' AS target,
               coalesce(o.value ->> 'connection_type', 'MAIN') AS type, coalesce(o.value -> 'connection_index', '0') AS index
          FROM objects o WHERE o.part = 'connections'
    ), attached AS MATERIALIZED (
        SELECT o.n, o.node_type, format('%s/attached_nodes/%s', o.pointer, e.n - 1) AS pointer, e.value #>> '{}' AS node_id,
               row_number() OVER (PARTITION BY o.n, e.value ORDER BY e.n) AS occurrence
          FROM nodes o,
               jsonb_array_elements(CASE WHEN jsonb_typeof(o.value -> 'attached_nodes') = 'array' THEN o.value -> 'attached_nodes'
                                         ELSE '[]' END) WITH ORDINALITY AS e (value, n)
         WHERE jsonb_typeof(e.value) = 'string'
    ), faults AS (
        SELECT p.rank, p.n, 0 AS place, p.pointer, 'wrong_type' AS code, '"object"'::jsonb AS "limit",
               to_jsonb(coalesce(jsonb_typeof(p.value), 'null')) AS found
          FROM parts p WHERE jsonb_typeof(p.value) IS DISTINCT FROM 'object'
        UNION ALL
        SELECT o.rank, o.n, f.place, o.pointer || '/' || f.field, 'required', NULL, NULL
          FROM objects o JOIN runfold.definition_fields() AS f ON f.part = o.part AND f.required
         WHERE o.value ->> f.field IS NULL
        UNION ALL
        SELECT v.rank, v.n, v.place, v.pointer, v.code,
               CASE v.code WHEN 'wrong_type' THEN to_jsonb(v.expected) WHEN 'too_long' THEN to_jsonb(v.maximum)
                           WHEN 'not_allowed' THEN to_jsonb(v.allowed)
                           WHEN 'out_of_range' THEN jsonb_build_array(v.minimum, v.maximum) END,
               CASE v.code WHEN 'wrong_type' THEN to_jsonb(v.type) WHEN 'too_long' THEN to_jsonb(length(v.content))
                           WHEN 'control_character' THEN to_jsonb('U+' || upper(lpad(to_hex(ascii(
                               substring(v.content FROM '[\x01-\x1f\x7f-\x9f]'))), 4, '0')))
                           WHEN 'blank' THEN NULL WHEN 'unknown_field' THEN NULL ELSE to_jsonb(left(v.content, 100)) END
          FROM of_values v WHERE v.code IS NOT NULL
        UNION ALL
        SELECT s.rank, s.n, s.place, s.pointer, 'wrong_type', '"string"', to_jsonb(jsonb_typeof(s.value))
          FROM strings s WHERE jsonb_typeof(s.value) <> 'string'
        UNION ALL
        SELECT 1, d.n, 2000, d.pointer || '/node_id', 'duplicate_node', NULL, to_jsonb(d.node_id) FROM nodes d WHERE d.occurrence > 1
        UNION ALL
        SELECT 1, a.n, 2001, format('/nodes/%s/attached_nodes', a.n - 1), 'not_an_agent', '"AI_AGENT"', to_jsonb(a.node_type)
          FROM attached a WHERE a.node_type <> 'AI_AGENT' GROUP BY a.n, a.node_type
        UNION ALL
        SELECT 1, a.n, 2002, a.pointer,
               CASE WHEN a.occurrence > 1 THEN 'duplicate_node' WHEN t.node_id IS NULL THEN 'unknown_node' ELSE 'not_attachable' END,
               CASE WHEN a.occurrence = 1 AND t.node_id IS NOT NULL THEN '["TOOL", "MEMORY"]'::jsonb END,
               CASE WHEN a.occurrence = 1 AND t.node_id IS NOT NULL THEN to_jsonb(t.node_type) ELSE to_jsonb(a.node_id) END
          FROM attached a LEFT JOIN named t ON t.node_id = a.node_id
         WHERE a.node_type = 'AI_AGENT' AND (a.occurrence > 1 OR coalesce(t.node_type, '') NOT IN ('TOOL', 'MEMORY'))
        UNION ALL
        SELECT 2, c.n, 2000, c.pointer || '/' || side.field, 'unknown_node', NULL, to_jsonb(side.node_id)
          FROM ends c, LATERAL (VALUES ('source_node_id', c.source), ('target_node_id', c.target)) AS side (field, node_id)
         WHERE NOT EXISTS (SELECT FROM named t WHERE t.node_id = side.node_id) AND side.node_id IS NOT NULL
        UNION ALL
        SELECT 2, c.n, 2001, c.pointer || '/target_node_id', 'self_connection', NULL, to_jsonb(c.target)
          FROM ends c WHERE c.source = c.target
        UNION ALL
        SELECT 2, r.n, 2002, r.pointer, 'duplicate_connection', NULL,
               to_jsonb(format('%s -> %s, %s %s', r.source, r.target, r.type, r.index))
          FROM (SELECT c.*, row_number() OVER (PARTITION BY c.source, c.target, c.type, c.index ORDER BY c.n) AS occurrence
                  FROM ends c WHERE c.source IS NOT NULL AND c.target IS NOT NULL) AS r
         WHERE r.occurrence > 1
        UNION ALL
        SELECT 1, o.n, 3000, v.at, v.code, v."limit", v.found
          FROM (SELECT DISTINCT ON (s.node_type, s.node_subtype) s.node_type, s.node_subtype, s.specification_data
                  FROM public.node_specifications s
                 WHERE s.is_active
                   AND (s.node_type, s.node_subtype) IN (SELECT n.node_type, n.value ->> 'node_subtype' FROM nodes n)
                 ORDER BY s.node_type, s.node_subtype, runfold.version_order(s.specification_version) DESC) AS s
          JOIN nodes o ON o.node_type = s.node_type AND o.value ->> 'node_subtype' = s.node_subtype
         CROSS JOIN LATERAL runfold.schema_violations(
                   s.specification_data, coalesce(nullif(o.value -> 'parameters', 'null'), '{}'), o.pointer || '/parameters') AS v
         WHERE coalesce(jsonb_typeof(o.value -> 'parameters'), 'null') IN ('object', 'null')
    )
    SELECT f.pointer, f.code, f."limit", f.found FROM faults f ORDER BY f.rank, f.n, f.place, f.pointer COLLATE "C"
$$;
