-- The texts of an array in one, with spaces between.
--
-- array_to_string is not immutable, since the texts of some types depend on settings; text itself does not.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.joined(texts text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_string(texts, ' ')
$$;
