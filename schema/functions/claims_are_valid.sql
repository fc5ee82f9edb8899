-- Quick check of an append's claims or releases.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.claims_are_valid(claims jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN claims IS NULL OR jsonb_typeof(claims) = 'array' AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(claims) AS c (pair)
         WHERE NOT coalesce(jsonb_typeof(pair) = 'array' AND jsonb_array_length(pair) = 2
                            AND jsonb_typeof(pair -> 0) = 'string' AND jsonb_typeof(pair -> 1) = 'string'
                            AND length(pair ->> 0) <= 255 AND length(pair ->> 1) <= 255
                            AND pair ->> 0 ~ '^[!-~]+$' AND pair ->> 1 ~ '^[!-~]+$', false));
END
$$;
