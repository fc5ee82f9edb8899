-- Makes partitions of the log well ahead of its head.
--
-- Until `spare` empty ones lie ahead of the last issued position; returns how many it made. CREATE
-- LIKE + CHECK + ATTACH waits for no open append (PARTITION OF does), and for nobody longer than a moment.
-- An open partition is vacuumed once half of it is new, and not each fifth: each run writes page images of
-- what the one before it wrote. When it is full, the leader freezes it once.
--
-- grant: projector, operator
CREATE FUNCTION runfold.ensure_partitions(spare integer DEFAULT 4, size bigint DEFAULT 5000000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    issued bigint;
    next_from bigint;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 3);
    SELECT last_value INTO issued FROM runfold.events_position;
    next_from := runfold.log_end();
    WHILE next_from <= issued + spare * size LOOP
        partition := 'events_' || lpad(next_from::text, 12, '0');
        EXECUTE format('CREATE TABLE runfold_partitions.%I (LIKE runfold.events INCLUDING ALL,'
                       ' CONSTRAINT position_is_in_range CHECK (position >= %s AND position < %s))'
                       ' WITH (autovacuum_vacuum_insert_scale_factor = 0.5)',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold.events ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%s) TO (%s)',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT position_is_in_range', partition);
        EXECUTE format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON runfold_partitions.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change()', partition);
        next_from := next_from + size;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
