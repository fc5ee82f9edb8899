-- rebuild_moved: notes how far the shadows are folded. Parameters: group, position.
UPDATE runfold.rebuilds SET position = %(position)s WHERE group_name = %(group)s
