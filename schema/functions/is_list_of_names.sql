-- Whether a value is a list of texts, each of them once.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.is_list_of_names(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(value) = 'array'
                THEN (SELECT coalesce(bool_and(jsonb_typeof(m.value) = 'string'), true) AND count(*) = count(DISTINCT m.value)
                        FROM jsonb_array_elements(value) AS m)
                ELSE false END
$$;
