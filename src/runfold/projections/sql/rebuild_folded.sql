-- rebuild_folded: notes that all slices are done and indexed. Parameters: group.
UPDATE runfold.rebuilds SET folded = true WHERE group_name = %(group)s
