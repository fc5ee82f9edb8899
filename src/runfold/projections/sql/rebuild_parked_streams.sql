-- rebuild_parked_streams: what a rebuild leaves out, and whether it found that itself. Parameters: group.
SELECT stream_id, position, sqlstate, error, found FROM runfold.rebuild_parked WHERE group_name = %(group)s ORDER BY stream_id
