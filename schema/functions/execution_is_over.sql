-- Whether an execution has ended, is archived, or was never said (NULL).
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.execution_is_over(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT $1 IS NULL
        OR EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = runfold.stream_id('execution', $1) AND s.archived_at IS NOT NULL)
        OR runfold.end_status($1) IS NOT NULL
$$;
