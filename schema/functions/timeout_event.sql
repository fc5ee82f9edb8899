-- An event about time running out, to append: its id follows from what it is about.
--
-- So it is recorded once, by any number of workers.
--
-- grant: nobody
CREATE FUNCTION runfold.timeout_event(stream_id text, type text, name text, at timestamptz, data jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('event_id', runfold.row_id(stream_id, type, name), 'type', type, 'occurred_at', i.instant,
                              'data', data || jsonb_build_object('at', i.instant))
      FROM (SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant) AS i
$$;
