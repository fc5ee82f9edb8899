-- Quick check of an append without its events.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.append_is_valid(append jsonb, stream_id text, category text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    stream_name constant text := substr(stream_id, length(category) + 2);
BEGIN
    RETURN jsonb_typeof(append -> 'stream_id') = 'string' AND octet_length(stream_id) <= 264
       AND stream_id !~ '[^!-~]' AND stream_name <> ''
       AND CASE WHEN category IN ('execution', 'log') THEN true
                WHEN category IN ('interaction', 'response', 'deployment', 'tenant') THEN stream_name::uuid::text = stream_name
                ELSE category ~ '^[a-z][a-z0-9_]*$' END
       -- A number, or the text of one: drivers give a bigint as a text, because not every language has such integers.
       AND (append ->> 'expected_version' IS NULL
            OR append ->> 'expected_version' ~ '^[0-9]{1,19}$' AND (append ->> 'expected_version')::bigint >= 0)
       AND (append ->> 'user_id' IS NULL
            OR append ->> 'user_id' LIKE '________-____-____-____-____________' AND (append ->> 'user_id')::uuid IS NOT NULL)
       AND (append - '{stream_id,expected_version,user_id,events,claims,releases}'::text[]) = '{}'
       AND (NOT append ?| '{claims,releases}'
            OR runfold.claims_are_valid(append -> 'claims') AND runfold.claims_are_valid(append -> 'releases'));
END
$$;
