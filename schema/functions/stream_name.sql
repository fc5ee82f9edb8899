-- The name of a stream: its id without the category, execution_id of execution-<execution_id> for instance.
--
-- One expression, so that it is inlined into folds. A category has no hyphen; a name may have some.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.stream_name(stream_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.substr(stream_id, pg_catalog.strpos(stream_id, '-') OPERATOR(pg_catalog.+) 1)
$$;
