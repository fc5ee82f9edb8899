-- rebuild_landed: marks a group's checkpoint, so that who waited for it while the rebuild landed looks at everything again.
-- Parameters: group.
UPDATE runfold.checkpoints SET epoch = -1 WHERE group_name = %(group)s
