-- Where a value does not fit a JSON Schema: a JSON pointer below `pointer`, a code of runfold.faults,
-- the limit and what was found.
--
-- It judges type, enum, const, bounds, lengths, pattern, required, properties, additionalProperties, items and allOf. Other
-- keywords, references among them, are not judged, and neither is a pattern that PostgreSQL cannot read.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.schema_violations(document jsonb, value jsonb, pointer text)
RETURNS TABLE (at text, code text, "limit" jsonb, found jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    type constant text := jsonb_typeof(value);
    content constant text := value #>> '{}';
    shown constant jsonb := to_jsonb(left(content, 100));
    types constant jsonb := CASE jsonb_typeof(document -> 'type') WHEN 'string' THEN jsonb_build_array(document -> 'type')
                                                                  ELSE document -> 'type' END;
    number numeric;
    size integer;
    name text;
    member jsonb;
BEGIN
    at := pointer;
    IF document = 'false' THEN
        RETURN QUERY SELECT at, 'unknown_field', NULL::jsonb, NULL::jsonb;
    END IF;
    IF jsonb_typeof(document) <> 'object' THEN
        RETURN;
    END IF;
    IF types IS NOT NULL AND NOT (types ? type OR types ? 'integer' AND type = 'number' AND content::numeric % 1 = 0) THEN
        RETURN QUERY SELECT at, 'wrong_type', types, to_jsonb(type);
        RETURN;
    END IF;
    IF NOT document -> 'enum' @> jsonb_build_array(value) OR value <> document -> 'const' THEN
        RETURN QUERY SELECT at, 'not_allowed', coalesce(document -> 'enum', document -> 'const'), shown;
    END IF;
    IF type = 'number' THEN
        number := content;
        IF number < (document ->> 'minimum')::numeric OR number > (document ->> 'maximum')::numeric
           OR number <= (document ->> 'exclusiveMinimum')::numeric OR number >= (document ->> 'exclusiveMaximum')::numeric THEN
            RETURN QUERY SELECT at, 'out_of_range',
                jsonb_build_array(coalesce(document -> 'minimum', document -> 'exclusiveMinimum'),
                                  coalesce(document -> 'maximum', document -> 'exclusiveMaximum')), value;
        END IF;
    ELSIF type = 'string' THEN
        size := length(content);
        IF size > (document ->> 'maxLength')::numeric THEN
            RETURN QUERY SELECT at, 'too_long', document -> 'maxLength', to_jsonb(size);
        ELSIF size < (document ->> 'minLength')::numeric THEN
            RETURN QUERY SELECT at, 'too_short', document -> 'minLength', to_jsonb(size);
        END IF;
        BEGIN
            IF content !~ (document ->> 'pattern') THEN
                RETURN QUERY SELECT at, 'not_matching', document -> 'pattern', shown;
            END IF;
        EXCEPTION WHEN invalid_regular_expression THEN
            NULL;
        END;
    ELSIF type = 'array' THEN
        size := jsonb_array_length(value);
        IF size > (document ->> 'maxItems')::numeric THEN
            RETURN QUERY SELECT at, 'too_long', document -> 'maxItems', to_jsonb(size);
        ELSIF size < (document ->> 'minItems')::numeric THEN
            RETURN QUERY SELECT at, 'too_short', document -> 'minItems', to_jsonb(size);
        END IF;
        RETURN QUERY SELECT v.* FROM jsonb_array_elements(value) WITH ORDINALITY AS e (item, n),
                                     runfold.schema_violations(document -> 'items', e.item, format('%s/%s', pointer, e.n - 1)) AS v;
    ELSIF type = 'object' THEN
        RETURN QUERY SELECT pointer || '/' || replace(replace(r.name, '~', '~0'), '/', '~1'), 'required', NULL::jsonb, NULL::jsonb
                       FROM jsonb_array_elements_text(document -> 'required') AS r (name) WHERE NOT value ? r.name;
        FOR name, member IN SELECT e.key, e.value FROM jsonb_each(value) AS e ORDER BY e.key COLLATE "C" LOOP
            RETURN QUERY SELECT v.* FROM runfold.schema_violations(
                CASE WHEN document -> 'properties' ? name THEN document #> ARRAY['properties', name]
                     WHEN document ? 'patternProperties' THEN NULL ELSE document -> 'additionalProperties' END,
                member, pointer || '/' || replace(replace(name, '~', '~0'), '/', '~1')) AS v;
        END LOOP;
    END IF;
    RETURN QUERY SELECT v.* FROM jsonb_array_elements(document -> 'allOf') AS part, runfold.schema_violations(part, value, pointer) AS v;
END
$$;
