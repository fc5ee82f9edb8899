-- discarded_in_group: the positions up to one whose events a group has given up, with their streams. Parameters: group, upto.
SELECT position, stream_id FROM runfold.discarded_events WHERE group_name = %(group)s AND position <= %(upto)s ORDER BY position
