-- What makes two calls the same command: streams, types and bodies. Event ids and clocks may
-- differ.
--
-- grant: nobody
CREATE FUNCTION runfold.command_digest(call jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_agg(jsonb_build_array(
               a.append -> 'stream_id', e.event -> 'type', coalesce(e.event -> 'schema_version', '1'),
               e.event -> 'data', e.event -> 'payload') ORDER BY a.n, e.n)::text, 'UTF8'))
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
           jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
$$;
