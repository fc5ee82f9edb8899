-- rebuild_forget: forgets the rebuild of a group. Parameters: group.
WITH begun AS (DELETE FROM runfold.rebuilds WHERE group_name = %(group)s),
     parked AS (DELETE FROM runfold.rebuild_parked WHERE group_name = %(group)s)
DELETE FROM runfold.rebuild_slices WHERE group_name = %(group)s
