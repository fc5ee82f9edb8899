-- Appends many events to one or several streams, all or nothing, as append_events does: the same checks, refusals, order and
-- results, for drivers that send arrays.
--
-- The quick path of what most calls are: valid events that are new, at the versions that are expected. Everything else, an
-- error, a repeat, an answer, goes to append_events as the text that says the same, so it is decided in one place.
--
--   stream_ids, counts, expected, user_ids, encrypted  of each append, counts being how many of the events are its
--   event_ids, types, schema_versions, datas, metadatas, occurred_ats  of each event, in the order of the appends;
--               datas and metadatas are JSON texts
--   repeats     as append_events takes it
--
-- expected, user_ids, schema_versions, metadatas and encrypted may be null as a whole. Claims, payloads and command
-- ids are for append_events. docs/decisions/036-repeats-and-batches.md
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.append_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[],
    repeats text DEFAULT NULL, encrypted boolean[] DEFAULT NULL
)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean,
               skipped integer, versions bigint[], positions bigint[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
-- As in recorded_appends: each row is looked up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    total constant integer := cardinality(event_ids);
    quick boolean;
    claiming boolean;
    names text[];            -- of each event: its stream
    encrypting boolean[];    -- of each event: its append's
    bodies jsonb[];
    annexes jsonb[];         -- the metadata
    heads bigint[];          -- the version of each stream before this call
    tenants uuid[];
    event_versions bigint[];
    event_tenants uuid[];
    last bigint;
    base bigint;             -- the last position before this call's first
BEGIN
    PERFORM runfold.check_batch(stream_ids, counts, expected, user_ids, event_ids, types, schema_versions, datas, metadatas, occurred_ats,
                                encrypted);
    BEGIN
        SELECT array_agg(a.stream_id), array_agg(a.encrypted), bool_and(a.is_valid)
          INTO names, encrypting, quick
          FROM (SELECT x.stream_id, x.size, coalesce(x.encrypted, false) AS encrypted, coalesce(
                           x.size > 0 AND runfold.append_is_valid(
                               jsonb_build_object('stream_id', x.stream_id, 'expected_version', x.expected), x.stream_id,
                               split_part(x.stream_id, '-', 1)), false) AS is_valid
                  FROM unnest(stream_ids, counts, expected, encrypted) AS x (stream_id, size, expected, encrypted) OFFSET 0) AS a,
               generate_series(1, a.size);
        quick := quick AND total <= 10000 AND cardinality(stream_ids) <= 1000 AND (repeats IS NULL OR repeats = 'skip')
            AND 0 < ALL (counts)
            AND (cardinality(stream_ids) = 1 OR (SELECT count(DISTINCT id COLLATE "C") FROM unnest(stream_ids) AS id)
                                                = cardinality(stream_ids))
            AND (SELECT count(DISTINCT id) FROM unnest(event_ids) AS id) = total;
        IF quick THEN
            SELECT bool_and(coalesce(
                       e.occurred_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00'
                       AND runfold.json_is_exact(e.data_text, e.data, e.canonical)
                       AND (e.encrypted OR strpos(e.canonical, 'ncrypted') = 0)
                       AND (pg_column_size(e.data) < 800 OR NOT e.data @? 'strict $.**{100}')
                       AND (octet_length(e.canonical) <= 65536
                            OR octet_length(e.canonical) <= (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_event_bytes'))
                       AND (e.metadata_text IS NULL OR e.metadata_text = '{}' OR e.metadata = 'null'
                            OR jsonb_typeof(e.metadata) = 'object'
                               AND runfold.json_is_exact(e.metadata_text, e.metadata, e.metadata::text)
                               AND strpos(e.metadata::text, 'ncrypted') = 0
                               AND (pg_column_size(e.metadata) < 800 OR NOT e.metadata @? 'strict $.**{100}')
                               AND (octet_length(e.metadata::text) <= 16384
                                    OR octet_length(e.metadata::text)
                                       <= (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_metadata_bytes')))
                       AND CASE WHEN e.category IN ('execution', 'log')
                                THEN e.schema_version = runfold.current_schema_version(e.type)
                                     AND runfold.event_is_valid(e.category, e.type, e.stream_id, e.data)
                                -- An answer, for instance, locks more than its stream.
                                WHEN e.category IN ('interaction', 'response', 'deployment', 'tenant') THEN false
                                ELSE runfold.registered_event_is_valid(e.category, jsonb_build_object(
                                         'type', e.type, 'schema_version', e.schema_version, 'data', e.data)) END, false)),
                   bool_or(runfold.has_claim_rule(e.type)), array_agg(e.data), array_agg(coalesce(nullif(e.metadata, 'null'), '{}'))
              INTO quick, claiming, bodies, annexes
              FROM (SELECT d.*, d.data::text AS canonical
                      FROM (SELECT x.stream_id, split_part(x.stream_id, '-', 1) AS category, x.encrypted, x.type, x.schema_version,
                                   x.data AS data_text, x.data::jsonb AS data, x.metadata AS metadata_text,
                                   x.metadata::jsonb AS metadata, x.occurred_at
                              FROM unnest(names, encrypting, types, schema_versions, datas, metadatas, occurred_ats)
                                   AS x (stream_id, encrypted, type, schema_version, data, metadata, occurred_at) OFFSET 0) AS d
                    OFFSET 0) AS e;
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        quick := false;
    END;

    -- Lock the streams, in the order of append_events: what is new is inserted, the others are locked, nothing is written. One
    -- statement: who inserted first and locked then would deadlock with append_events on an old stream and a new one.
    IF quick THEN
        INSERT INTO runfold.streams AS s (stream_id, user_id, version)
        SELECT x.stream_id, x.user_id, 0 FROM unnest(stream_ids, user_ids) AS x (stream_id, user_id) ORDER BY x.stream_id COLLATE "C"
            ON CONFLICT ON CONSTRAINT streams_pkey DO UPDATE SET version = s.version WHERE false;
        SELECT array_agg(s.version ORDER BY x.n), array_agg(s.user_id ORDER BY x.n),
               bool_and(s.archived_at IS NULL AND coalesce(x.expected = s.version, x.expected IS NULL)
                        AND (x.user_id IS NULL OR x.user_id IS NOT DISTINCT FROM s.user_id))
          INTO heads, tenants, quick
          FROM unnest(stream_ids, expected, user_ids) WITH ORDINALITY AS x (stream_id, expected, user_id, n)
          JOIN runfold.streams s ON s.stream_id = x.stream_id;
    END IF;
    IF quick THEN
        SELECT array_agg(x.head + i), array_agg(x.user_id) INTO event_versions, event_tenants
          FROM unnest(heads, counts, tenants) AS x (head, size, user_id), generate_series(1, x.size) AS i;
        BEGIN
            INSERT INTO runfold.event_ids (event_id, stream_version)
            SELECT x.id, x.version FROM unnest(event_ids, event_versions) AS x (id, version);
        EXCEPTION WHEN unique_violation THEN
            quick := false;
        END;
    END IF;
    IF quick IS NOT TRUE THEN
        RETURN QUERY SELECT r.* FROM runfold.append_events(
            runfold.text_of_batch(stream_ids, counts, expected, user_ids, event_ids, types, schema_versions, datas, metadatas, occurred_ats,
                                  encrypted), NULL, repeats) AS r;
        RETURN;
    END IF;

    IF claiming THEN
        PERFORM runfold.take_claims((
            SELECT jsonb_agg(a.append ORDER BY a.n)
              FROM (SELECT x.n, jsonb_build_object('stream_id', x.stream_id, 'events', (
                               SELECT jsonb_agg(CASE WHEN runfold.has_claim_rule(e.type)
                                                     THEN jsonb_build_object('type', e.type, 'data', e.data) ELSE '{}' END ORDER BY e.n)
                                 FROM unnest(types[x.until - x.size + 1 : x.until], bodies[x.until - x.size + 1 : x.until])
                                      WITH ORDINALITY AS e (type, data, n))) AS append
                      FROM (SELECT a.*, sum(a.size) OVER (ORDER BY a.n)::integer AS until
                              FROM unnest(stream_ids, counts) WITH ORDINALITY AS a (stream_id, size, n)) AS x) AS a));
    END IF;

    -- The fence, and the positions behind it; an erased tenant is looked up behind the fence, as in append_events.
    last := runfold.allocate_positions(total);
    base := last - total;
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants)) THEN
        PERFORM runfold.refuse_erased(tenants, stream_ids);
    END IF;

    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                user_id, data, metadata, occurred_at, recorded_at)
    SELECT base + e.n, last, e.stream_id, e.version, e.id, split_part(e.stream_id, '-', 1), e.type, coalesce(e.schema_version, 1),
           e.user_id, e.data, e.metadata, e.occurred_at, clock_timestamp()
      FROM unnest(names, event_versions, event_ids, types, schema_versions, event_tenants, bodies, annexes, occurred_ats)
           WITH ORDINALITY AS e (stream_id, version, id, type, schema_version, user_id, data, metadata, occurred_at, n);
    UPDATE runfold.streams s
       SET version = x.head + x.size, first_position = coalesce(s.first_position, base + x.until - x.size + 1),
           last_position = base + x.until
      FROM (SELECT a.*, sum(a.size) OVER (ORDER BY a.n) AS until
              FROM unnest(stream_ids, heads, counts) WITH ORDINALITY AS a (stream_id, head, size, n)) AS x
     WHERE s.stream_id = x.stream_id;

    -- step: wake

    RETURN QUERY
    SELECT x.stream_id, x.head + x.size, base + x.until - x.size + 1, base + x.until, false,
           CASE WHEN repeats IS NOT NULL THEN 0 END,
           CASE WHEN repeats IS NOT NULL THEN ARRAY(SELECT generate_series(x.head + 1, x.head + x.size)) END,
           CASE WHEN repeats IS NOT NULL THEN ARRAY(SELECT generate_series(base + x.until - x.size + 1, base + x.until)) END
      FROM (SELECT a.*, (sum(a.size) OVER (ORDER BY a.n))::bigint AS until
              FROM unnest(stream_ids, heads, counts) WITH ORDINALITY AS a (stream_id, head, size, n)) AS x
     ORDER BY x.n;
END
$$;
