-- group_state: where a group stands and whether any stream is parked or any event discarded in it; locks the checkpoint, so
-- that a stream that is retried meanwhile is folded by one of the two, whole.
-- Parameters: group.
SELECT c.position, EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = c.group_name)
                   OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = c.group_name)
  FROM runfold.checkpoints c
 WHERE c.group_name = %(group)s
   FOR NO KEY UPDATE OF c
