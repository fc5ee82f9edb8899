-- The position up to which the log is settled.
--
-- No transaction can still fill a position up to there. It takes two statements, each with a
-- snapshot of its own; the caller reads the events in a third. It may go back, so readers keep the
-- greater one.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.safe_head() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
    behind bigint;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN (SELECT position FROM runfold.published_head);
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM runfold.refuse('unsupported_isolation', words => jsonb_build_object(
            'isolation', upper(current_setting('transaction_isolation'))));
    END IF;
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    -- A fence's key is the low 32 bits of a lower bound; a key ahead of `issued` was taken after we read it.
    SELECT max(distance) INTO behind
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS fences
     WHERE distance < 2147483648;
    RETURN issued - coalesce(behind, 0);
END
$$;
