-- own_left_out: what no fold of a group meets: parked streams, and discarded events, each with its position. Parameters: group.
SELECT p.stream_id, p.position FROM runfold.parked_streams p WHERE p.group_name = %(group)s
 UNION
SELECT d.stream_id, d.position FROM runfold.discarded_events d WHERE d.group_name = %(group)s
 ORDER BY 1, 2
