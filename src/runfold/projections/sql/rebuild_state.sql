-- rebuild_state: the rebuild of a group that has not landed. Parameters: group.
SELECT digest, position, slices, events, folded FROM runfold.rebuilds WHERE group_name = %(group)s
