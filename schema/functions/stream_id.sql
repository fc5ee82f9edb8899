-- The id of a stream: its category and its name.
--
-- One expression, so that it is inlined and an index on stream_id is used.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.stream_id(category text, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT category OPERATOR(pg_catalog.||) '-' OPERATOR(pg_catalog.||) name
$$;
