-- Takes the fence and the next positions, for functions that have locked their streams; returns the
-- last position.
--
-- The positions are dense and adjacent. The function sets no search_path: it runs under its
-- caller's.
--
-- grant: nobody
CREATE FUNCTION runfold.allocate_positions(total integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    fence_tag constant integer := 'runfold.events_position'::regclass::oid::bigint::bit(32)::integer;
    log_tag constant integer := 'runfold.events'::regclass::oid::bigint::bit(32)::integer;
    issued bigint;
    fence bigint;
    last bigint;
BEGIN
    -- 3. The fence: a lower bound of the positions to come, held to the end of the transaction. A later append of the
    -- transaction takes the same key again, so that ten thousand appends hold one lock.
    issued := pg_sequence_last_value('runfold.events_position');
    IF issued IS NULL THEN
        SELECT q.last_value - 1 INTO issued FROM runfold.events_position q;
    END IF;
    fence := nullif(current_setting('runfold.fence', true), '')::bigint;
    IF fence IS NULL OR fence > issued THEN
        fence := set_config('runfold.fence', issued::text, true)::bigint;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(fence_tag, (fence & 4294967295)::bit(32)::integer);

    -- 4. The positions. The lock is taken in a subtransaction that is then rolled back: that frees it after microseconds, and so
    -- does everything else that ends the block, a cancellation at any moment, too. Sequences are not rolled back. Nobody else takes
    -- positions, so between the two calls nobody moves the sequence.
    BEGIN
        PERFORM pg_advisory_xact_lock(log_tag, 0);
        last := nextval('runfold.events_position');
        IF total > 1 THEN
            last := setval('runfold.events_position', last + total - 1);
        END IF;
        RAISE SQLSTATE 'RF000';
    EXCEPTION WHEN SQLSTATE 'RF000' THEN
        NULL;
    END;
    -- The session remembers the end of the log: partitions are only added.
    IF last >= coalesce(nullif(current_setting('runfold.log_end', true), ''), '0')::bigint
       AND last >= set_config('runfold.log_end', runfold.log_end()::text, false)::bigint THEN
        PERFORM runfold.refuse('log_full', jsonb_build_object('position', last));
    END IF;
    RETURN last;
END
$$;
