-- Claims the nodes that a call pauses, and releases those that it resumes.
--
-- A node of an execution has one open pause: it is claimed by PauseOpened, and released by what
-- closes the pause or ends the execution. The claim names its pause, because what closes it names
-- that and not the node.
--
-- grant: nobody
CREATE FUNCTION runfold.take_pause_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    holder text;
BEGIN
    FOR happened IN
        SELECT a.append ->> 'stream_id' AS stream_id, e.event ->> 'type' AS type, e.event #>> '{data,pause}' AS pause,
               (a.append ->> 'stream_id') || '/' || (e.event #>> '{data,paused_node_id}') AS key,
               format('/%s/events/%s/data/paused_node_id', a.n - 1, e.n - 1) AS pointer
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE starts_with(a.append ->> 'stream_id', 'execution-')
         ORDER BY a.n, e.n
    LOOP
        IF happened.type = 'PauseOpened' THEN
            INSERT INTO runfold.claims (kind, key, stream_id, claimed_at, name)
            VALUES ('pause', happened.key, happened.stream_id, clock_timestamp(), happened.pause) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT c.name INTO holder FROM runfold.claims c WHERE c.kind = 'pause' AND c.key = happened.key;
                IF holder <> happened.pause THEN
                    PERFORM runfold.refuse('node_paused', jsonb_build_object(
                        'kind', 'pause', 'key', happened.key, 'pointer', happened.pointer, 'found', holder));
                END IF;
            END IF;
        ELSIF runfold.closes_pause(happened.type) THEN
            DELETE FROM runfold.claims c
             WHERE c.kind = 'pause' AND c.stream_id = happened.stream_id AND c.name = happened.pause;
        ELSIF runfold.ends_execution(happened.type) THEN
            DELETE FROM runfold.claims c WHERE c.kind = 'pause' AND c.stream_id = happened.stream_id;
        END IF;
    END LOOP;
END
$$;
