-- Leaves a stream that cannot be folded out of a rebuild from a position on; the group parks it when the rebuild lands.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.leave_out_stream(group_name text, stream_id text, "position" bigint, sqlstate text, error text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO runfold.rebuild_parked AS p (group_name, stream_id, position, sqlstate, error, found)
    SELECT r.group_name, stream_id, "position", sqlstate, error, true
      FROM runfold.rebuilds r WHERE r.group_name = group_name AND runfold.may_fold(group_name)
        ON CONFLICT ON CONSTRAINT rebuild_parked_pkey DO UPDATE
       SET position = excluded.position, sqlstate = excluded.sqlstate, error = excluded.error, found = true
     WHERE p.position > excluded.position;
END
$$;
