-- Lands the rebuild of the group of this batch: parks the streams that it could not fold, and moves a checkpoint
-- that lies beyond the shadows back to them, or one that lies below what is archived on to them.
--
-- A session that waited for the checkpoint meanwhile finds the epoch -1, and looks at everything again.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.land_rebuild(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    built bigint := (SELECT r.position FROM runfold.rebuilds r WHERE r.group_name = group_name);
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.parked_streams p
     USING runfold.checkpoints c
     WHERE p.group_name = group_name AND p.position > built AND c.group_name = group_name AND c.position > built;
    INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
    SELECT r.group_name, r.stream_id, r.position, r.sqlstate, r.error
      FROM runfold.rebuild_parked r WHERE r.group_name = group_name AND r.found
        ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE
       SET position = least(p.position, excluded.position), sqlstate = excluded.sqlstate, error = excluded.error;
    UPDATE runfold.checkpoints c
       SET epoch = -1, position = CASE WHEN c.position < runfold.archived_head() THEN built ELSE least(c.position, built) END,
           moved_at = CASE WHEN c.position > built OR c.position < runfold.archived_head() THEN clock_timestamp() ELSE c.moved_at END
     WHERE c.group_name = group_name AND built IS NOT NULL;
END
$$;
