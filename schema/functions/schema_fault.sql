-- The first fault of a JSON Schema, as {"pointer", "reason", "found"}; NULL if it has none.
--
-- The rules are those of the meta-schema of draft 2020-12 for the keywords that describe values. Keywords that it does not know
-- are not looked at. `depth` is how deep the schema is inside another one.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.schema_fault(document jsonb, pointer text DEFAULT '', depth integer DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind constant text := jsonb_typeof(document);
    keyword text;
    value jsonb;
    at text;
    inner_at text;
    inner_schema jsonb;
    reason text;
    fault jsonb;
BEGIN
    IF kind = 'boolean' AND depth > 0 THEN
        RETURN NULL;
    END IF;
    IF kind IS DISTINCT FROM 'object' THEN
        RETURN jsonb_build_object('pointer', pointer, 'reason', 'a schema is an object', 'found', coalesce(kind, 'null'));
    END IF;
    IF depth > 64 THEN
        RETURN jsonb_build_object('pointer', pointer, 'reason', 'schemas are at most 64 deep', 'found', depth);
    END IF;
    FOR keyword, value IN SELECT e.key, e.value FROM jsonb_each(document) AS e ORDER BY e.key COLLATE "C" LOOP
        at := pointer || '/' || replace(replace(keyword, '~', '~0'), '/', '~1');
        reason := runfold.keyword_fault(keyword, value);
        IF reason IS NOT NULL THEN
            RETURN jsonb_build_object('pointer', at, 'reason', reason, 'found', left(value::text, 100));
        END IF;
        FOR inner_at, inner_schema IN
            SELECT at, value
             WHERE keyword IN ('items', 'not', 'if', 'then', 'else', 'contains', 'propertyNames', 'additionalProperties',
                               'unevaluatedItems', 'unevaluatedProperties')
            UNION ALL
            SELECT at || '/' || replace(replace(m.key, '~', '~0'), '/', '~1'), m.value
              FROM jsonb_each(CASE WHEN jsonb_typeof(value) = 'object' THEN value ELSE '{}' END) AS m
             WHERE keyword IN ('properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas')
            UNION ALL
            SELECT at || '/' || (m.n - 1), m.value
              FROM jsonb_array_elements(CASE WHEN jsonb_typeof(value) = 'array' THEN value ELSE '[]' END)
                   WITH ORDINALITY AS m (value, n)
             WHERE keyword IN ('allOf', 'anyOf', 'oneOf', 'prefixItems')
        LOOP
            fault := runfold.schema_fault(inner_schema, inner_at, depth + 1);
            IF fault IS NOT NULL THEN
                RETURN fault;
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;
