-- stop_group: notes why a group can not be folded at all.
-- Parameters: group, sqlstate, error, epoch.
UPDATE runfold.checkpoints c
   SET stopped_sqlstate = %(sqlstate)s, stopped_error = %(error)s, stopped_at = clock_timestamp()
 WHERE c.group_name = %(group)s AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)
