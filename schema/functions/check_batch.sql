-- Refuses arrays of append_batch that do not fit each other, or are larger than a call may be.
--
-- grant: nobody
CREATE FUNCTION runfold.check_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[], encrypted boolean[]
)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    appends constant integer := cardinality(stream_ids);
    events constant integer := cardinality(event_ids);
    octets constant bigint := (SELECT coalesce(sum(octet_length(d)), 0) FROM unnest(datas) AS d)
                              + (SELECT coalesce(sum(octet_length(m)), 0) FROM unnest(metadatas) AS m);
    wrong record;
BEGIN
    SELECT s.* INTO wrong
      FROM (VALUES (1, 'stream_ids', array_dims(stream_ids), cardinality(stream_ids), appends, true),
                   (2, 'event_ids', array_dims(event_ids), cardinality(event_ids), events, true),
                   (3, 'counts', array_dims(counts), cardinality(counts), appends, true),
                   (4, 'expected', array_dims(expected), cardinality(expected), appends, false),
                   (5, 'user_ids', array_dims(user_ids), cardinality(user_ids), appends, false),
                   (6, 'encrypted', array_dims(encrypted), cardinality(encrypted), appends, false),
                   (7, 'types', array_dims(types), cardinality(types), events, true),
                   (8, 'schema_versions', array_dims(schema_versions), cardinality(schema_versions), events, false),
                   (9, 'datas', array_dims(datas), cardinality(datas), events, true),
                   (10, 'metadatas', array_dims(metadatas), cardinality(metadatas), events, false),
                   (11, 'occurred_ats', array_dims(occurred_ats), cardinality(occurred_ats), events, true))
           AS s (n, name, dimensions, size, wanted, needed)
     WHERE CASE WHEN s.size IS NULL THEN s.needed
                ELSE s.size <> s.wanted OR s.dimensions <> format('[1:%s]', s.size) END
     ORDER BY s.n LIMIT 1;
    IF wrong.size IS NOT NULL THEN
        PERFORM runfold.raise_fault('out_of_range', '/' || wrong.name, to_jsonb(format('one dimension of %s', wrong.wanted)),
                                    to_jsonb(coalesce(wrong.dimensions, '[]')));
    ELSIF wrong.name IS NOT NULL THEN
        PERFORM runfold.raise_fault('required', '/' || wrong.name);
    END IF;
    SELECT c.n, c.size INTO wrong FROM unnest(counts) WITH ORDINALITY AS c (size, n)
     WHERE c.size IS NULL OR c.size NOT BETWEEN 0 AND events ORDER BY c.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.raise_fault('out_of_range', format('/counts/%s', wrong.n - 1), jsonb_build_array(0, events), to_jsonb(wrong.size));
    ELSIF (SELECT sum(size) FROM unnest(counts) AS size) <> events THEN
        PERFORM runfold.raise_fault('out_of_range', '/counts', to_jsonb(format('a sum of %s', events)),
                                    to_jsonb((SELECT sum(size) FROM unnest(counts) AS size)));
    END IF;
    IF octets > 256000000 THEN
        PERFORM runfold.raise_fault('call_too_large', '', '256000000', to_jsonb(octets));
    END IF;
END
$$;
