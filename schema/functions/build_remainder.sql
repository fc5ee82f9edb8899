-- Builds what remains of a segment once the chosen streams have left it, beside it; returns how many events and streams leave.
--
-- The table becomes a partition in the swap. If nothing leaves, none is made. The segment must have a file.
--
-- grant: projector, operator
CREATE FUNCTION runfold.build_remainder(from_position bigint, OUT left_events bigint, OUT left_streams bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    archive runfold.archives;
    partition text;
    remains constant text := 'remains_' || lpad(from_position::text, 12, '0');
BEGIN
    SELECT * INTO STRICT archive FROM runfold.archives a WHERE a.from_position = from_position;
    SELECT s.partition INTO STRICT partition FROM runfold.segments() s
     WHERE s.from_position = from_position AND s.to_position = archive.to_position;
    EXECUTE format('SELECT count(*), count(DISTINCT e.stream_id) FROM %s e JOIN runfold.leaving_streams l USING (stream_id)', partition)
       INTO left_events, left_streams;
    IF left_events = 0 THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE runfold_partitions.%I (LIKE runfold.events INCLUDING ALL,'
                   ' CONSTRAINT position_is_in_range CHECK (position >= %s AND position <= %s))'
                   ' WITH (autovacuum_vacuum_insert_scale_factor = 0.5)',
                   remains, from_position, archive.to_position);
    EXECUTE format('INSERT INTO runfold_partitions.%I SELECT e.* FROM %s e'
                   ' WHERE NOT EXISTS (SELECT FROM runfold.leaving_streams l WHERE l.stream_id = e.stream_id) ORDER BY e.position',
                   remains, partition);
    EXECUTE format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON runfold_partitions.%I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change()', remains);
    EXECUTE format('ANALYZE runfold_partitions.%I', remains);
    INSERT INTO runfold.swaps (from_position, to_position, left_events, left_streams, forgotten)
    VALUES (from_position, archive.to_position, left_events, left_streams, from_position - 1);
END
$$;
