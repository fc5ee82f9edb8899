-- rebuild_slices: the slices that are done. Parameters: group.
SELECT slice FROM runfold.rebuild_slices WHERE group_name = %(group)s
