-- Quick check of an event of an older version, upcast.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.older_event_is_valid(category text, stream_name text, event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    type constant text := event ->> 'type';
    version constant integer := coalesce(nullif(event -> 'schema_version', 'null')::text, '1');
BEGIN
    RETURN version BETWEEN 1 AND runfold.current_schema_version(type)
       AND runfold.event_is_valid(category, type, stream_name, runfold.upcast(type, version, event -> 'data'));
END
$$;
