-- Whether one of these streams is archived.
--
-- It runs as its owner, because the login of users' projections may not read which streams there are.
--
-- grant: projector, operator, projections, reader
CREATE FUNCTION runfold.any_archived(streams text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = ANY (streams) AND s.archived_at IS NOT NULL)
$$;
