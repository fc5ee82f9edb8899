-- rebuild_park_known: leaves out of a rebuild what is parked between two positions. Parameters: group, after, upto.
INSERT INTO runfold.rebuild_parked (group_name, stream_id, position, sqlstate, error)
SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error
  FROM runfold.parked_streams p
 WHERE p.group_name = %(group)s AND p.position > %(after)s AND p.position <= %(upto)s
    ON CONFLICT DO NOTHING
