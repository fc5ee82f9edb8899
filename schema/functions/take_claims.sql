-- Releases and takes the claims of a call.
--
-- Releases come first, then claims, in one order for everybody. A claim that the stream holds
-- already is kept. The active webhook paths of workflows are claims without the caller's asking:
-- two workflows never answer one path.
--
-- grant: nobody
CREATE FUNCTION runfold.take_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    webhooks jsonb;
    wanted record;
    holder text;
BEGIN
    SELECT coalesce(jsonb_agg(jsonb_build_object('stream_id', a.append -> 'stream_id', 'append', a.n, 'path', w.path,
                                                 'active', w.active)), '[]')
      INTO webhooks
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL runfold.webhooks_after(a.append ->> 'stream_id', a.append -> 'events') AS w
     WHERE starts_with(a.append ->> 'stream_id', 'deployment-')
       AND a.append @? '$.events[*].type ? (@ starts with "Trigger" || @ == "WorkflowDeleted")';
    DELETE FROM runfold.claims c
     USING jsonb_to_recordset(webhooks) AS w (stream_id text, path text, active boolean)
     WHERE NOT w.active AND c.kind = 'webhook' AND c.key = w.path AND c.stream_id = w.stream_id;
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
                SELECT w.stream_id, 'webhook', w.path, format('/%s/events', w.append - 1)
                  FROM jsonb_to_recordset(webhooks) AS w (stream_id text, append bigint, path text, active boolean)
                 WHERE w.active) AS c
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
