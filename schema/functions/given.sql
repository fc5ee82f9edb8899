-- The object without its null fields; nested nulls stay.
--
-- Inlined, so that the usual object, which has none, costs one look.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.given(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN data OPERATOR(pg_catalog.@?) 'strict $.* ? (@ == null)' THEN runfold.drop_nulls(data) ELSE data END
$$;
