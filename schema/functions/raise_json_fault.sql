-- Raises the first fault of a call's JSON text.
--
-- That is the first thing, in document order, that jsonb would refuse, drop or change. It reads the
-- text of the call, because jsonb no longer has it.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_json_fault(appends text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Escapes that no text can hold are replaced with characters that this call does not contain.
    marks constant text[] := ARRAY(
        SELECT chr(c) FROM generate_series(64976, 65007) AS c
         WHERE strpos(appends, chr(c)) = 0 AND strpos(lower(appends), '\u' || to_hex(c)) = 0 LIMIT 3);
    clean text := appends;
    whole json;
    fault record;
BEGIN
    IF appends IS NULL THEN
        PERFORM runfold.raise_fault('wrong_type', '', '"array"', '"null"');
    END IF;
    IF appends ~* '\\u(0000|d[89a-f])' THEN
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u0000', '\1' || marks[1], 'g');
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})',
                                '\1' || marks[3] || '\2\3', 'g');
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\1' || marks[2], 'g');
        clean := regexp_replace(clean, marks[3] || '(....)(....)', '\\u\1\\u\2', 'g');
    END IF;
    BEGIN
        whole := clean::json;
    EXCEPTION
        WHEN data_exception THEN
            PERFORM runfold.raise_fault('invalid_json', '', NULL, to_jsonb(SQLERRM));
        WHEN statement_too_complex THEN
            PERFORM runfold.raise_fault('too_deep', '', '100');
    END;

    WITH RECURSIVE node (place, pointer, key, repeated, value) AS (
        SELECT '{}'::bigint[], '', NULL::text, false, whole
        UNION ALL
        SELECT n.place || c.n, n.pointer || '/' || c.step, c.key, c.repeated, c.value
          FROM node n
         CROSS JOIN LATERAL (
            SELECT o.n, o.key, replace(replace(o.key, '~', '~0'), '/', '~1') AS step,
                   row_number() OVER (PARTITION BY o.key COLLATE "C" ORDER BY o.n) > 1 AS repeated, o.value
              FROM json_each(CASE json_typeof(n.value) WHEN 'object' THEN n.value END) WITH ORDINALITY AS o (key, value, n)
            UNION ALL
            SELECT a.n, NULL, (a.n - 1)::text, false, a.value
              FROM json_array_elements(CASE json_typeof(n.value) WHEN 'array' THEN n.value END)
                   WITH ORDINALITY AS a (value, n)) AS c
         -- data and metadata are four steps below the call: their 101st level is the 105th.
         WHERE cardinality(n.place) < 104
    ), judged AS (
        SELECT n.place, n.pointer, n.value,
               CASE WHEN strpos(n.key, marks[1]) > 0 AND coalesce(nullif(strpos(n.key, marks[2]), 0) > strpos(n.key, marks[1]), true)
                    THEN 'nul_character'
                    WHEN strpos(n.key, marks[2]) > 0 THEN 'lone_surrogate'
                    WHEN n.repeated THEN 'duplicate_key'
                    ELSE CASE json_typeof(n.value)
                         WHEN 'number' THEN runfold.number_fault(n.value::text)
                         WHEN 'string' THEN
                             CASE WHEN strpos(n.value #>> '{}', marks[1]) > 0
                                   AND coalesce(nullif(strpos(n.value #>> '{}', marks[2]), 0) > strpos(n.value #>> '{}', marks[1]), true)
                                  THEN 'nul_character'
                                  WHEN strpos(n.value #>> '{}', marks[2]) > 0 THEN 'lone_surrogate' END
                         WHEN 'object' THEN CASE WHEN cardinality(n.place) >= 104 THEN 'too_deep' END
                         WHEN 'array' THEN CASE WHEN cardinality(n.place) >= 104 THEN 'too_deep' END
                         END
               END AS code
          FROM node n
    )
    SELECT j.* INTO fault FROM judged j WHERE j.code IS NOT NULL ORDER BY j.place LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.raise_fault(
            fault.code, translate(fault.pointer, marks[1] || marks[2], '??'),
            CASE fault.code WHEN 'too_deep' THEN '100'::jsonb
                            WHEN 'integer_too_large' THEN '[-9223372036854775808, 9223372036854775807]' END,
            CASE WHEN fault.code IN ('integer_too_large', 'number_too_large') THEN to_jsonb(left(fault.value::text, 100)) END);
    END IF;
END
$$;
