-- rebuild_park_found: leaves out of a rebuild what it could not fold. Parameters: group, stream, position, sqlstate, error.
INSERT INTO runfold.rebuild_parked AS p (group_name, stream_id, position, sqlstate, error, found)
VALUES (%(group)s, %(stream)s, %(position)s, %(sqlstate)s, %(error)s, true)
    ON CONFLICT (group_name, stream_id) DO UPDATE
   SET position = excluded.position, sqlstate = excluded.sqlstate, error = excluded.error, found = true
 WHERE p.position > excluded.position
