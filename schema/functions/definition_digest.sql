-- The digest of a definition: sha256 of its text without positions, notes, times and ids.
--
-- A move on the canvas makes no version, and a copy has the digest of its original.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.definition_digest(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to((
               (definition - '{id,user_id,session_id,created_at,updated_at}'::text[])
               || CASE WHEN definition ? 'nodes' THEN jsonb_build_object('nodes', runfold.without_canvas(definition -> 'nodes'))
                       ELSE '{}' END
               || CASE WHEN jsonb_typeof(definition #> '{workflow_data,nodes}') = 'array'
                       THEN jsonb_build_object('workflow_data', jsonb_set(
                                definition -> 'workflow_data', '{nodes}',
                                runfold.without_canvas(definition #> '{workflow_data,nodes}')))
                       ELSE '{}' END)::text, 'UTF8')), 'hex')
$$;
