-- move_checkpoint: moves a group on, from where this batch started and under this leader's epoch; else no row.
-- Parameters: group, after, upto, epoch.
UPDATE runfold.checkpoints c
   SET position = %(upto)s, epoch = %(epoch)s, moved_at = clock_timestamp(),
       stopped_sqlstate = NULL, stopped_error = NULL, stopped_at = NULL
 WHERE c.group_name = %(group)s AND c.position = %(after)s
   AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = %(epoch)s)
RETURNING c.position
