-- Notes the ids of a call's events but the first of each append, which are stored.
--
-- They were not stored a moment ago, and the streams are locked: an id that is stored now is of another stream, and is refused.
--
-- grant: nobody
CREATE FUNCTION runfold.add_event_ids(call jsonb, heads bigint[], sizes integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added uuid[];
    taken record;
BEGIN
    WITH ids AS (
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e.event ->> 'event_id')::uuid, heads[a.n] + e.n - sizes[a.n]
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE e.n > sizes[a.n]
            ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT array_agg(event_id) INTO added FROM ids;
    SELECT format('/%s/events/%s/event_id', a.n - 1, e.n - 1) AS pointer, e.event ->> 'event_id' AS event_id INTO taken
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
           jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     WHERE e.n > sizes[a.n] AND (e.event ->> 'event_id')::uuid NOT IN (SELECT unnest(added))
     ORDER BY a.n, e.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('pointer', taken.pointer, 'found', taken.event_id));
    END IF;
END
$$;
