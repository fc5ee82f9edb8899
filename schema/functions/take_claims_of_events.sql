-- Takes and releases the claims of a call's events, in their order.
--
-- A pause, for instance: its opening claims its node, or the activation that it names, and what closes it, or ends the execution, releases the claim. The claim
-- has the name of its pause, because what closes it says that and not the node. The streams are locked and a key begins with
-- its stream, so nobody else takes such a claim at this moment.
--
-- grant: nobody
CREATE FUNCTION runfold.take_claims_of_events(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    holder text;
BEGIN
    FOR happened IN
        SELECT a.append ->> 'stream_id' AS stream_id, r.kind, r.effect, r.name_field, r.refusal,
               (a.append ->> 'stream_id') || '/' || (e.event -> 'data' ->> k.field) AS key,
               e.event -> 'data' ->> r.name_field AS name,
               format('/%s/events/%s/data/%s', a.n - 1, e.n - 1, k.field) AS pointer
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
          JOIN runfold.claim_rules r ON r.type = e.event ->> 'type' AND r.effect <> 'follows'
         CROSS JOIN LATERAL (SELECT CASE WHEN e.event -> 'data' ->> r.finer_key_field IS NULL THEN r.key_field
                                         ELSE r.finer_key_field END AS field) AS k
         ORDER BY a.n, e.n
    LOOP
        IF happened.effect = 'takes' THEN
            INSERT INTO runfold.claims (kind, key, stream_id, claimed_at, name)
            VALUES (happened.kind, happened.key, happened.stream_id, clock_timestamp(), happened.name) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT c.name INTO holder FROM runfold.claims c WHERE c.kind = happened.kind AND c.key = happened.key;
                IF holder <> happened.name THEN
                    PERFORM runfold.refuse(happened.refusal, jsonb_build_object(
                        'kind', happened.kind, 'key', happened.key, 'pointer', happened.pointer, 'found', holder));
                END IF;
            END IF;
        ELSE
            DELETE FROM runfold.claims c
             WHERE c.stream_id = happened.stream_id AND c.kind = happened.kind
               AND (happened.name_field IS NULL OR c.name = happened.name);
        END IF;
    END LOOP;
END
$$;
