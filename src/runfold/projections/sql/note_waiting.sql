-- note_waiting: notes why a group waits for an operator, or that it does not (null).
-- Parameters: group, reason.
UPDATE runfold.checkpoints c
   SET stopped_sqlstate = NULL, stopped_error = %(reason)s, stopped_at = CASE WHEN %(reason)s::text IS NOT NULL THEN clock_timestamp() END
 WHERE c.group_name = %(group)s AND c.stopped_error IS DISTINCT FROM %(reason)s
