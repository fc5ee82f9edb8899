-- Whether a value has the marks of an encrypted one: a text that begins with encrypted:, or an
-- object with the key $encrypted.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.has_encrypted_form(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE jsonb_typeof(value)
           WHEN 'string' THEN starts_with(value #>> '{}', 'encrypted:')
           WHEN 'object' THEN value ? '$encrypted'
           ELSE false END
$$;
