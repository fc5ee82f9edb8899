-- The object without its null fields; nested nulls stay.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.drop_nulls(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.jsonb_object_agg(key, value), '{}')
      FROM pg_catalog.jsonb_each(data)
     WHERE value OPERATOR(pg_catalog.<>) 'null'
$$;
