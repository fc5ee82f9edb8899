-- restore_checkpoint: moves a group's checkpoint back to where its log ends, and forgets what was parked beyond.
-- Parameters: group, position.
WITH parked AS (DELETE FROM runfold.parked_streams WHERE group_name = %(group)s AND position > %(position)s)
UPDATE runfold.checkpoints SET position = %(position)s, moved_at = clock_timestamp() WHERE group_name = %(group)s
