-- The position of the log at a time: the last one before the first event recorded after it, where
-- an append ends.
--
-- recorded_at grows with the position, but for appends beside each other and a clock that is set
-- back: halving finds a place where the times cross, and the thousand events before it are searched
-- for an earlier one.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.position_at(at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low bigint := 0;
    high bigint := runfold.safe_head() + 1;
    middle bigint;
    probe record;
    earlier bigint;
BEGIN
    LOOP
        WHILE low + 1 < high LOOP
            middle := (low + high) / 2;
            SELECT e.position, e.recorded_at INTO probe
              FROM runfold.events e
             WHERE e.position >= middle AND e.position < high
             ORDER BY e.position LIMIT 1;
            IF NOT FOUND OR probe.recorded_at > at THEN
                high := middle;
            ELSE
                low := probe.position;
            END IF;
        END LOOP;
        SELECT min(b.position) INTO earlier
          FROM (SELECT e.position, e.recorded_at FROM runfold.events e
                 WHERE e.position <= low ORDER BY e.position DESC LIMIT 1000) AS b
         WHERE b.recorded_at > at;
        EXIT WHEN earlier IS NULL;
        low := 0;
        high := earlier;
    END LOOP;
    RETURN coalesce((SELECT e.position FROM runfold.events e
                      WHERE e.position <= low AND e.append_end <= low
                      ORDER BY e.position DESC LIMIT 1), 0);
END
$$;
