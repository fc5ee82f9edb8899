-- own_rebuild_state: what the rebuild of a user's group that has not landed builds, and how far it is. Parameters: group.
SELECT digest, position FROM runfold.own_rebuilds WHERE group_name = %(group)s
