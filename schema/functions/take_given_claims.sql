-- Releases and takes the claims that a call asks for, and those that follow from its streams.
--
-- Releases come first, then claims, in one order for everybody. A claim that the stream holds already is kept.
--
-- grant: nobody
CREATE FUNCTION runfold.take_given_claims(call jsonb, followed jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
    holder text;
BEGIN
    DELETE FROM runfold.claims c
     USING jsonb_to_recordset(followed) AS f (stream_id text, kind text, key text, held boolean)
     WHERE NOT f.held AND c.kind = f.kind AND c.key = f.key AND c.stream_id = f.stream_id;
    DELETE FROM runfold.claims c
     USING jsonb_array_elements(call) AS a (append), jsonb_array_elements(nullif(a.append -> 'releases', 'null')) AS r (pair)
     WHERE c.kind = r.pair ->> 0 AND c.key = r.pair ->> 1 AND c.stream_id = a.append ->> 'stream_id';
    FOR wanted IN
        SELECT *
          FROM (SELECT a.append ->> 'stream_id' AS stream_id, c.pair ->> 0 AS kind, c.pair ->> 1 AS key,
                       format('/%s/claims/%s', a.n - 1, c.n - 1) AS pointer
                  FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
                       jsonb_array_elements(nullif(a.append -> 'claims', 'null')) WITH ORDINALITY AS c (pair, n)
                UNION ALL
                SELECT f.stream_id, f.kind, f.key, format('/%s/events', f.append - 1)
                  FROM jsonb_to_recordset(followed) AS f (append bigint, stream_id text, kind text, key text, held boolean)
                 WHERE f.held) AS c
         ORDER BY c.kind COLLATE "C", c.key COLLATE "C"
    LOOP
        INSERT INTO runfold.claims (kind, key, stream_id, claimed_at)
        VALUES (wanted.kind, wanted.key, wanted.stream_id, clock_timestamp()) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT c.stream_id INTO holder FROM runfold.claims c WHERE c.kind = wanted.kind AND c.key = wanted.key;
            IF holder IS DISTINCT FROM wanted.stream_id THEN
                PERFORM runfold.refuse('claim_taken', jsonb_build_object(
                    'kind', wanted.kind, 'key', wanted.key, 'pointer', wanted.pointer));
            END IF;
        END IF;
    END LOOP;
END
$$;
