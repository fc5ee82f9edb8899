-- Raises a fault of the catalogue, with its facts in DETAIL.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_fault(code text, pointer text, "limit" jsonb DEFAULT NULL, seen jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said runfold.faults;
    words constant text[] := ARRAY[
        coalesce(nullif(pointer, ''), 'The call'),
        CASE jsonb_typeof("limit") WHEN 'array' THEN (SELECT string_agg(x, ', ') FROM jsonb_array_elements_text("limit") AS x)
             ELSE coalesce("limit" #>> '{}', 'None') END,
        coalesce(seen #>> '{}', 'None')];
BEGIN
    SELECT * INTO said FROM runfold.faults f WHERE f.code = raise_fault.code;
    RAISE EXCEPTION USING
        ERRCODE = 'RF001',
        MESSAGE = replace(replace(replace(said.message, '{limit}', words[2]), '{at}', words[1]), '{found}', words[3]),
        DETAIL = jsonb_build_object('code', code, 'pointer', pointer, 'limit', "limit", 'found', seen)::text,
        HINT = replace(replace(said.hint, '{limit}', words[2]), '{found}', words[3]);
END
$$;
