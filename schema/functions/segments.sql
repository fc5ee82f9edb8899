-- The segments of the log, one a partition, in their order.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.segments() RETURNS TABLE (from_position bigint, to_position bigint, partition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.bounds[1]::bigint, b.bounds[2]::bigint - 1, b.partition
      FROM (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''?(\d+)''?\) TO \(''?(\d+)''?\)') AS bounds,
                   format('%I.%I', c.relnamespace::regnamespace, c.relname) AS partition
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'runfold.events'::regclass) AS b
     ORDER BY b.bounds[1]::bigint
$$;
