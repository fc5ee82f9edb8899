-- An event's data in the current shape of its type.
--
-- One expression, so that it is inlined into what reads events. register_upcaster writes it again
-- from runfold.upcasters.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.upcast(type text, schema_version integer, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT data
$$;
