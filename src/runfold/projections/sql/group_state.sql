-- group_state: whether any stream is parked or any event discarded in a group, and the version each of its tables was built
-- with. Parameters: group.
SELECT EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = %(group)s)
       OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s),
       (SELECT coalesce(jsonb_object_agg(b.name, b.version), '{}') FROM runfold.projections b WHERE b.group_name = %(group)s)
