-- The greatest position at or below which events may have left the log for the archive; 0: none has.
--
-- Who reads the log from a position below it may miss events.
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.archived_head() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(a.to_position), 0) FROM runfold.archives a WHERE a.state = 'archived'
$$;
