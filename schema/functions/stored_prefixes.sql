-- The events of each append of a call that are stored already, as objects with size, versions and positions.
--
-- They must be the first that the append gives, of its stream, with the same types and bodies and in their order; anything else is
-- refused. Events of other writers may be between them, except where a version is expected. The streams are locked, so
-- nobody adds to them now.
--
-- grant: nobody
CREATE FUNCTION runfold.stored_prefixes(call jsonb, heads bigint[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- As in recorded_appends: each event is looked up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    given record;
    append record;
    prefixes jsonb[] := '{}';
    versions bigint[];
    positions bigint[];
    missing text;            -- the pointer of the append's first event that is not stored
BEGIN
    FOR append IN
        SELECT a.append ->> 'stream_id' AS stream_id, (a.append ->> 'expected_version')::bigint AS expected, a.append -> 'events' AS events, a.n
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n) ORDER BY a.n
    LOOP
        versions := '{}';
        positions := '{}';
        missing := NULL;
        FOR given IN
            SELECT format('/%s/events/%s/event_id', append.n - 1, x.n - 1) AS pointer, x.e ->> 'event_id' AS event_id, x.n,
                   i.event_id IS NOT NULL AS stored, s.stream_version, s.position,
                   s.event_id IS NULL OR s.type <> x.e ->> 'type' OR s.schema_version <> coalesce((x.e ->> 'schema_version')::integer, 1)
                   OR s.data::text IS DISTINCT FROM nullif(x.e -> 'data', 'null')::text
                   OR s.payload IS DISTINCT FROM decode(x.e ->> 'payload', 'base64') AS differs
              FROM jsonb_array_elements(append.events) WITH ORDINALITY AS x (e, n)
              LEFT JOIN runfold.event_ids i ON i.event_id = (x.e ->> 'event_id')::uuid
              LEFT JOIN runfold.streams t ON t.stream_id = append.stream_id
              LEFT JOIN runfold.events s
                ON s.stream_id = t.stream_id AND s.stream_version = i.stream_version AND s.event_id = i.event_id
               AND s.position BETWEEN t.first_position AND t.last_position
             ORDER BY x.n
        LOOP
            IF NOT given.stored THEN
                missing := coalesce(missing, given.pointer);
            ELSIF given.differs OR given.stream_version <= versions[cardinality(versions)] THEN
                PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('pointer', given.pointer, 'found', given.event_id));
            ELSIF missing IS NOT NULL THEN
                PERFORM runfold.refuse('event_ids_mixed', jsonb_build_object('pointer', missing, 'found', given.event_id));
            ELSE
                versions := versions || given.stream_version;
                positions := positions || given.position;
            END IF;
        END LOOP;
        -- An expected version speaks of the first event given: the stored ones follow it, and end the stream if there are more.
        IF versions[1] <> append.expected + 1 OR versions[cardinality(versions)] <> append.expected + cardinality(versions)
           OR missing IS NOT NULL AND cardinality(versions) > 0 AND heads[append.n] <> append.expected + cardinality(versions) THEN
            PERFORM runfold.refuse('version_conflict', jsonb_build_object(
                'pointer', format('/%s/expected_version', append.n - 1), 'stream_id', append.stream_id,
                'version', heads[append.n], 'expected_version', append.expected));
        END IF;
        prefixes := prefixes || jsonb_build_object('size', cardinality(versions), 'versions', versions, 'positions', positions);
    END LOOP;
    RETURN to_jsonb(prefixes);
END
$$;
