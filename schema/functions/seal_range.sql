-- Seals the next range of the log, if one is due; returns its seal, or no row.
--
-- A range is due when it has 10,000 settled positions, when it reaches the end of its partition,
-- when its first event was recorded a minute ago, or, with `everything`, when it has an event. It
-- ends where an append ends, and at the end of its partition at the latest. Settled is what the
-- safe head says and nothing else: seals speak of the log, not of the tables.
--
-- A call is short, whatever the size of the log: it reads one range. The seal before is computed
-- again, so that no link is added to a broken chain. The commit waits for the disk: a seal that
-- somebody has seen is not lost in a crash.
--
-- grant: projector, operator
CREATE FUNCTION runfold.seal_range(everything boolean DEFAULT false)
RETURNS TABLE (first_position bigint, last_position bigint, events bigint, seal bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    width constant integer := 10000;
    head bigint;
    before record;
    lower bigint;
    upper bigint;
    ceiling bigint;          -- the last position of the partition
    full_end bigint;         -- where the range is full
    begun timestamptz;       -- when the range's first event was recorded
    found record;
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 7);
    head := runfold.safe_head();
    SELECT s.* INTO before FROM runfold.seals s ORDER BY s.last_position DESC LIMIT 1;
    lower := coalesce(before.last_position, 0) + 1;
    IF lower > head THEN
        RETURN;
    END IF;
    SELECT min(b.ends) - 1 INTO ceiling
      FROM (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint AS ends
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'runfold.events'::regclass) AS b
     WHERE b.ends > lower;
    full_end := least(ceiling, lower + width - 1);
    upper := least(head, full_end);
    IF upper < full_end THEN
        SELECT e.recorded_at INTO begun
          FROM runfold.events e WHERE e.position BETWEEN lower AND upper ORDER BY e.position LIMIT 1;
        -- A clock that was set back keeps no range open.
        IF begun IS NULL OR NOT (everything OR begun NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()) THEN
            RETURN;
        END IF;
    ELSE
        upper := greatest(upper, (SELECT least(e.append_end, head, ceiling) FROM runfold.events e
                                   WHERE e.position BETWEEN lower AND upper ORDER BY e.position DESC LIMIT 1));
    END IF;
    IF before.seal <> runfold.seal_of((SELECT s.seal FROM runfold.seals s WHERE s.last_position = before.first_position - 1),
                                      before.first_position, before.last_position, before.events, before.range_digest) THEN
        PERFORM runfold.refuse('seals_broken', jsonb_build_object(
            'first_position', before.first_position, 'last_position', before.last_position));
    END IF;
    SELECT d.* INTO found FROM runfold.range_digest('runfold.events', lower, upper) AS d;
    INSERT INTO runfold.seals AS s (first_position, last_position, events, range_digest, seal)
    VALUES (lower, upper, found.events, found.digest,
            runfold.seal_of(before.seal, lower, upper, found.events, found.digest))
    RETURNING s.first_position, s.last_position, s.events, s.seal
      INTO first_position, last_position, events, seal;
    IF found.events > 0 THEN
        INSERT INTO runfold.seal_marks (first_position, marks) VALUES (lower, found.marks);
    END IF;
    RETURN NEXT;
END
$$;
