-- A definition with `nodes` and `connections` at its top, where a person or a front end may have left
-- them in `workflow_data`.
--
-- The rows of nodes and connections are the one truth: workflow_data keeps what is neither.
--
-- grant: nobody
CREATE FUNCTION runfold.whole_definition(definition jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(definition) = 'object' AND jsonb_typeof(definition -> 'workflow_data') = 'object'
                THEN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
                        FROM jsonb_each(definition -> 'workflow_data') AS e WHERE e.key IN ('nodes', 'connections'))
                     || definition
                     || jsonb_build_object('workflow_data', (definition -> 'workflow_data') - '{nodes,connections}'::text[])
                ELSE definition END
$$;
