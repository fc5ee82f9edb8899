-- Forgets that a stream is parked in the group of this batch.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.unpark_stream(group_name text, stream_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.parked_streams p WHERE p.group_name = group_name AND p.stream_id = stream_id;
END
$$;
