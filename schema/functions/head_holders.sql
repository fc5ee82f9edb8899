-- The open appends that hold the safe head back.
--
-- The lowest bound first, each by its pid or by the gid of its prepared transaction.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.head_holders()
RETURNS TABLE (bound bigint, pid integer, prepared_gid text, application_name text, state text, since timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
BEGIN
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    RETURN QUERY
    SELECT issued - f.distance, f.pid, p.gid, a.application_name, a.state, coalesce(a.xact_start, p.prepared)
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance, l.pid, l.virtualtransaction
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS f
      LEFT JOIN pg_stat_activity a ON a.pid = f.pid
      -- A prepared transaction keeps its backend's virtual id (after a restart it has another): its lock on itself names it.
      LEFT JOIN pg_locks x ON f.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                          AND x.virtualtransaction = f.virtualtransaction
      LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
     WHERE f.distance < 2147483648
     ORDER BY f.distance DESC;
END
$$;
