-- events_in_scope: the events of a group up to a position, with their types, streams and tenants, in order. Parameters: types (text[]),
-- upto, and those of the condition that is put in by the runner.
SELECT e.position, e.type, e.stream_id, e.user_id::text
  FROM runfold.events e
 WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s) AND {streams}
 ORDER BY e.position
