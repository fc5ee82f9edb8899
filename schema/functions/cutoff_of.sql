-- Returns the time before which the rows of a read table have expired; -infinity where none have.
--
-- A query writes (SELECT runfold.cutoff_of(…)), so that it is asked once and not for each row.
--
-- grant: engine, projector, operator, projections, reader, authenticated, service_role
CREATE FUNCTION runfold.cutoff_of(table_name text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(r.cutoff), '-infinity') FROM runfold.retention r WHERE r.table_name = cutoff_of.table_name
$$;
