-- own_rebuild_forget: forgets the rebuild of a user's group. Parameters: group.
DELETE FROM runfold.own_rebuilds WHERE group_name = %(group)s
