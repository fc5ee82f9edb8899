-- Parks a stream in the group of this batch from a position on, with its error.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.park_stream(group_name text, stream_id text, "position" bigint, sqlstate text, error text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
    VALUES (group_name, stream_id, "position", sqlstate, error)
        ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE SET sqlstate = excluded.sqlstate, error = excluded.error;
END
$$;
