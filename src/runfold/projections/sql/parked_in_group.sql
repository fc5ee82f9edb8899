-- parked_in_group: the parked streams of a group. Parameters: group.
SELECT stream_id FROM runfold.parked_streams WHERE group_name = %(group)s ORDER BY stream_id
