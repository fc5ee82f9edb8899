-- The first position of a call of append_opaque_events that was recorded before.
--
-- Under these very event ids and with these bytes; null if it was not.
--
-- grant: nobody
CREATE FUNCTION runfold.recorded_opaque_events(
    stream_ids text[], versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[], event_ids uuid[]
) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT CASE WHEN count(*) = cardinality($7) THEN min(e.position) END
      FROM unnest($3, $2, $5, $6, $7) AS c (number, version, type_number, payload, id)
      JOIN runfold.streams s ON s.stream_id = ($1)[c.number]
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.stream_version = c.version AND e.event_id = c.id
                           AND e.type = ($4)[c.type_number] AND e.payload = c.payload
                           AND e.position BETWEEN s.first_position AND s.last_position
$$;
