-- Puts the remainders that are built in the place of their segments: from its commit on, the chosen streams are archived.
--
-- Under the streams' locks it looks again at what may have changed since they were chosen; a stream that was written to, parked,
-- claimed or held since then, or that somebody has not read yet, stays in the log. It waits at most 50 ms for each lock
-- (SQLSTATE 55P03 then, and nothing is changed): appends wait behind it for that long.
--
-- Returns how many streams and events left, and how many streams stayed after all.
--
-- grant: projector, operator
CREATE FUNCTION runfold.swap_segments(OUT streams bigint, OUT events bigint, OUT stayed bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
#variable_conflict use_column
DECLARE
    swap record;
    staying text[];
    partition text;
    name text;
    kept_events bigint;
    kept_streams bigint;
    bound bigint;
BEGIN
    PERFORM FROM runfold.streams s JOIN runfold.leaving_streams l ON l.stream_id = s.stream_id
      ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE OF s;
    bound := runfold.archivable_head();
    IF EXISTS (SELECT FROM runfold.rebuilds) THEN
        bound := 0;  -- a rebuild that is under way reads all of the log
    END IF;
    WITH gone AS (
        DELETE FROM runfold.leaving_streams l
         WHERE l.last_position > bound
            OR NOT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = l.stream_id AND s.version = l.version
                              AND s.last_position = l.last_position AND s.archived_at IS NULL)
            OR EXISTS (SELECT FROM runfold.parked_streams k WHERE k.stream_id = l.stream_id)
            OR EXISTS (SELECT FROM runfold.claims c WHERE c.stream_id = l.stream_id)
            OR EXISTS (SELECT FROM runfold.holds h WHERE runfold.stream_id('execution', h.execution_id) = l.stream_id)
        RETURNING l.stream_id)
    SELECT coalesce(array_agg(g.stream_id), '{}') INTO staying FROM gone g;
    stayed := cardinality(staying);
    UPDATE runfold.streams s SET archived_at = clock_timestamp(), archived_version = l.version, archived_digest = l.digest
      FROM runfold.leaving_streams l WHERE l.stream_id = s.stream_id;
    GET DIAGNOSTICS streams = ROW_COUNT;
    events := 0;
    FOR swap IN SELECT w.* FROM runfold.swaps w WHERE w.state = 'built' ORDER BY w.from_position LOOP
        name := lpad(swap.from_position::text, 12, '0');
        SELECT g.partition INTO STRICT partition FROM runfold.segments() g WHERE g.from_position = swap.from_position;
        kept_events := 0;
        kept_streams := 0;
        IF stayed > 0 THEN
            EXECUTE format('INSERT INTO runfold_partitions.%I SELECT e.* FROM %s e WHERE e.stream_id = ANY ($1)',
                           'remains_' || name, partition) USING staying;
            EXECUTE format('SELECT count(*), count(DISTINCT e.stream_id) FROM %s e WHERE e.stream_id = ANY ($1)', partition)
               INTO kept_events, kept_streams USING staying;
        END IF;
        UPDATE runfold.swaps w SET left_events = w.left_events - kept_events, left_streams = w.left_streams - kept_streams,
                                   state = 'swapped'
         WHERE w.from_position = swap.from_position;
        UPDATE runfold.archives a
           SET left_events = a.left_events + swap.left_events - kept_events,
               left_streams = a.left_streams + swap.left_streams - kept_streams,
               state = CASE WHEN a.left_events + swap.left_events > kept_events THEN 'archived' ELSE a.state END,
               swapped_at = clock_timestamp()
         WHERE a.from_position = swap.from_position;
        events := events + swap.left_events - kept_events;
    END LOOP;
    -- Appends wait from the first of these on until the commit.
    FOR swap IN SELECT w.* FROM runfold.swaps w
                 WHERE w.state = 'swapped' AND to_regclass('runfold_partitions.remains_' || lpad(w.from_position::text, 12, '0')) IS NOT NULL
                 ORDER BY w.from_position LOOP
        name := lpad(swap.from_position::text, 12, '0');
        SELECT g.partition INTO STRICT partition FROM runfold.segments() g WHERE g.from_position = swap.from_position;
        EXECUTE format('ALTER TABLE runfold.events DETACH PARTITION %s', partition);
        EXECUTE format('ALTER TABLE %s RENAME TO %I', partition, 'left_' || name);
        EXECUTE format('ALTER TABLE runfold_partitions.%I RENAME TO %I', 'remains_' || name, 'events_' || name);
        EXECUTE format('ALTER TABLE runfold.events ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%s) TO (%s)',
                       'events_' || name, swap.from_position, swap.to_position + 1);
        EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT position_is_in_range', 'events_' || name);
    END LOOP;
END
$$;
