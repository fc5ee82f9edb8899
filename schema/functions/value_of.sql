-- A field of the object; NULL when it is absent or null.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.value_of(data jsonb, field text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif($1 -> $2, 'null'::jsonb)
$$;
