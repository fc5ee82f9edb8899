-- The current version of an event type's shape.
--
-- register_upcaster writes this function again, together with runfold.upcast.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.current_schema_version(type text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 1
$$;
