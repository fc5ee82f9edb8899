-- The text of append_events that says what arrays of append_batch say.
--
-- grant: nobody
CREATE FUNCTION runfold.text_of_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[], encrypted boolean[]
)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
BEGIN
    -- Each must be JSON by itself: only together would some be, and say something else.
    FOR part IN
        SELECT format('/%s/events/%s/%s', a.n - 1, a.i - 1, t.name) AS pointer, t.said
          FROM (SELECT x.n, i, row_number() OVER (ORDER BY x.n, i) AS number
                  FROM unnest(counts) WITH ORDINALITY AS x (size, n), generate_series(1, x.size) AS i) AS a
          JOIN unnest(datas, metadatas) WITH ORDINALITY AS e (data, metadata, n) ON e.n = a.number
         CROSS JOIN LATERAL (VALUES ('data', e.data), ('metadata', e.metadata)) AS t (name, said)
         ORDER BY a.number, t.name
    LOOP
        BEGIN
            PERFORM part.said::json;
        EXCEPTION
            WHEN data_exception THEN
                PERFORM runfold.raise_fault('invalid_json', part.pointer, NULL, to_jsonb(SQLERRM));
            WHEN program_limit_exceeded THEN NULL;  -- append_events says that it is too deep
        END;
    END LOOP;
    RETURN '[' || coalesce((
        SELECT string_agg(concat(
                   '{"stream_id":', coalesce(to_json(a.stream_id)::text, 'null'), ',"expected_version":', coalesce(a.expected::text, 'null'),
                   ',"user_id":', coalesce(to_json(a.user_id)::text, 'null'), ',"encrypted":', coalesce(a.encrypted::text, 'null'),
                   ',"events":[', (
                       SELECT string_agg(concat(
                                  '{"event_id":', coalesce(to_json(e.id)::text, 'null'), ',"type":', coalesce(to_json(e.type)::text, 'null'),
                                  ',"schema_version":', coalesce(e.schema_version::text, 'null'), ',"data":', coalesce(e.data, 'null'),
                                  ',"metadata":', coalesce(e.metadata, 'null'), ',"occurred_at":', coalesce(to_json(
                                      CASE WHEN e.occurred_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
                                           THEN to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                                           ELSE e.occurred_at::text END)::text, 'null'), '}'), ',' ORDER BY e.n)
                         FROM unnest(event_ids[a.until - a.size + 1 : a.until], types[a.until - a.size + 1 : a.until],
                                     schema_versions[a.until - a.size + 1 : a.until], datas[a.until - a.size + 1 : a.until],
                                     metadatas[a.until - a.size + 1 : a.until], occurred_ats[a.until - a.size + 1 : a.until])
                              WITH ORDINALITY AS e (id, type, schema_version, data, metadata, occurred_at, n)), ']}'), ',' ORDER BY a.n)
          FROM (SELECT x.*, (sum(x.size) OVER (ORDER BY x.n))::integer AS until
                  FROM unnest(stream_ids, counts, expected, user_ids, encrypted) WITH ORDINALITY
                       AS x (stream_id, size, expected, user_id, encrypted, n)) AS a), '') || ']';
END
$$;
