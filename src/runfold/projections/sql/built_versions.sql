-- built_versions: the version that each table of a group was built with. Parameters: group.
SELECT name, version FROM runfold.projections WHERE group_name = %(group)s
