-- forbid_own_discard: takes back what allow_own_discard allowed that session. Parameters: group, pid.
DELETE FROM runfold.own_discards WHERE group_name = %(group)s AND pid = %(pid)s
