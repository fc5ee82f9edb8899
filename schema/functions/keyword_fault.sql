-- Why a keyword of a JSON Schema cannot have a value; NULL if it can, or if the keyword is not known.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.keyword_fault(keyword text, value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
           WHEN keyword IN ('title', 'description', '$comment', '$ref', '$id', '$schema', '$anchor', 'pattern', 'format',
                            'contentEncoding', 'contentMediaType')
           THEN CASE WHEN jsonb_typeof(value) <> 'string' THEN 'it is a text' END
           WHEN keyword IN ('deprecated', 'readOnly', 'writeOnly', 'uniqueItems')
           THEN CASE WHEN jsonb_typeof(value) <> 'boolean' THEN 'it is true or false' END
           WHEN keyword IN ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum')
           THEN CASE WHEN jsonb_typeof(value) <> 'number' THEN 'it is a number' END
           WHEN keyword = 'multipleOf'
           THEN CASE WHEN jsonb_typeof(value) <> 'number' OR NOT (value > '0') THEN 'it is a number above 0' END
           WHEN keyword IN ('minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains',
                            'maxContains')
           THEN CASE WHEN jsonb_typeof(value) <> 'number' OR NOT (value >= '0')
                       OR (value #>> '{}')::numeric % 1 <> 0 THEN 'it is a whole number from 0' END
           WHEN keyword IN ('properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependentRequired')
           THEN CASE WHEN jsonb_typeof(value) <> 'object' THEN 'it is an object'
                     WHEN keyword = 'dependentRequired'
                          AND NOT (SELECT coalesce(bool_and(runfold.is_list_of_names(m.value)), true) FROM jsonb_each(value) AS m)
                     THEN 'its values are lists of different texts' END
           WHEN keyword IN ('allOf', 'anyOf', 'oneOf', 'prefixItems')
           THEN CASE WHEN jsonb_typeof(value) <> 'array' OR value = '[]' THEN 'it is a list of schemas, and not empty' END
           WHEN keyword IN ('enum', 'examples')
           THEN CASE WHEN jsonb_typeof(value) <> 'array' THEN 'it is a list' END
           WHEN keyword = 'required'
           THEN CASE WHEN NOT runfold.is_list_of_names(value) THEN 'it is a list of different texts' END
           WHEN keyword = 'type'
           THEN CASE WHEN NOT (runfold.is_list_of_names(CASE jsonb_typeof(value) WHEN 'string' THEN jsonb_build_array(value)
                                                                               ELSE value END)
                               AND value NOT IN ('[]')
                               AND value <@ '["array", "boolean", "integer", "null", "number", "object", "string"]')
                     THEN 'it is array, boolean, integer, null, number, object or string, or a list of different ones' END
           END
$$;
