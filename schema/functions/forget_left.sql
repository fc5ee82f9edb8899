-- Deletes the event ids of a part of what has left the log; when all are deleted, drops the table that left. Returns whether
-- nothing is left to do.
--
-- grant: projector, operator
CREATE FUNCTION runfold.forget_left(most integer DEFAULT 10000) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    swap runfold.swaps;
    gone text;
BEGIN
    SELECT * INTO swap FROM runfold.swaps s WHERE s.state = 'swapped' ORDER BY s.from_position LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    gone := format('runfold_partitions.%I', 'left_' || lpad(swap.from_position::text, 12, '0'));
    EXECUTE format('DELETE FROM runfold.event_ids i USING %s e, runfold.streams s'
                   ' WHERE e.position > $1 AND e.position <= $2 AND i.event_id = e.event_id'
                   ' AND s.stream_id = e.stream_id AND e.stream_version <= s.archived_version', gone)
      USING swap.forgotten, swap.forgotten + most;
    UPDATE runfold.swaps s SET forgotten = swap.forgotten + most WHERE s.from_position = swap.from_position;
    IF swap.forgotten + most >= swap.to_position THEN
        EXECUTE format('DROP TABLE %s', gone);
        DELETE FROM runfold.swaps s WHERE s.from_position = swap.from_position;
    END IF;
    RETURN false;
END
$$;
