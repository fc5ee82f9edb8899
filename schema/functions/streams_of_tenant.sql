-- The streams of a tenant in a category.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.streams_of_tenant(tenant uuid, category text) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.stream_id FROM runfold.streams s WHERE s.user_id = tenant AND starts_with(s.stream_id, category || '-')
$$;
