-- registered_projections: the projections of a group whose tables are built.
-- Parameters: group.
SELECT name FROM runfold.projections WHERE group_name = %(group)s
