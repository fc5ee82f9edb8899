-- Whether a text is base64.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.is_base64(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.length(value) OPERATOR(pg_catalog.%) 4 OPERATOR(pg_catalog.=) 0
           AND value OPERATOR(pg_catalog.~) '^[A-Za-z0-9+/]*={0,2}$'
$$;
