-- park_found: parks what a rebuild could not fold. Parameters: group.
INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
SELECT r.group_name, r.stream_id, r.position, r.sqlstate, r.error
  FROM runfold.rebuild_parked r WHERE r.group_name = %(group)s AND r.found
    ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE
   SET position = least(p.position, excluded.position), sqlstate = excluded.sqlstate, error = excluded.error
