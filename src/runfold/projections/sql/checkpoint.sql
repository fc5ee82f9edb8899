-- checkpoint: where a group stands. Parameters: group.
SELECT position FROM runfold.checkpoints WHERE group_name = %(group)s
