-- Whether an item of a LangGraph store meets every condition of a filter.
--
-- A condition is an object: the path to a value, an operator, and what it is compared with. A value that is absent equals null.
-- Numbers are compared as doubles, and a text as the number that it writes.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.item_matches(item jsonb, conditions jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT
          FROM jsonb_array_elements(conditions) AS c (given)
         CROSS JOIN LATERAL (
               SELECT coalesce(item #> ARRAY(SELECT jsonb_array_elements_text(c.given -> 'path')), 'null') AS value) AS found
         CROSS JOIN LATERAL (
               SELECT CASE
                      WHEN jsonb_typeof(found.value) IN ('number', 'string')
                           AND found.value #>> '{}' ~ '^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?\s*$'
                      THEN (found.value #>> '{}')::double precision
                      WHEN jsonb_typeof(found.value) = 'boolean' THEN (found.value = 'true')::integer::double precision
                      END AS number) AS n
         WHERE NOT coalesce(
               CASE c.given ->> 'op'
               WHEN '$eq' THEN found.value = c.given -> 'value'
               WHEN '$ne' THEN found.value <> c.given -> 'value'
               WHEN '$gt' THEN n.number > (c.given ->> 'value')::double precision
               WHEN '$gte' THEN n.number >= (c.given ->> 'value')::double precision
               WHEN '$lt' THEN n.number < (c.given ->> 'value')::double precision
               WHEN '$lte' THEN n.number <= (c.given ->> 'value')::double precision
               WHEN 'object' THEN jsonb_typeof(found.value) = 'object'
               WHEN 'array' THEN CASE jsonb_typeof(found.value) WHEN 'array' THEN jsonb_array_length(found.value) END
                                 = (c.given ->> 'value')::integer
               END, false))
$$;
