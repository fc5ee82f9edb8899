-- The aliases of an entity: each once, in order, and without its name.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.known_as(aliases text[], name text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT array_agg(DISTINCT a COLLATE "C") FROM unnest(aliases) AS a WHERE a <> name), '{}')
$$;
