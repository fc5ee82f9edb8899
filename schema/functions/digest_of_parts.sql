-- The digest of a definition that is given in parts: what is neither node nor connection, and the texts
-- of these, a line each.
--
-- Texts, because to assemble one jsonb of thousands of nodes takes longer than all else.
--
-- grant: engine, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.digest_of_parts(workflow jsonb, nodes text, connections text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(
        CASE WHEN jsonb_typeof(workflow #> '{workflow_data,nodes}') = 'array'
             THEN workflow || jsonb_build_object('workflow_data', jsonb_set(
                      workflow -> 'workflow_data', '{nodes}', runfold.without_canvas(workflow #> '{workflow_data,nodes}')))
             ELSE workflow END::text
        || E'\n\n' || coalesce(nodes, '') || E'\n\n' || coalesce(connections, ''), 'UTF8')), 'hex')
$$;
