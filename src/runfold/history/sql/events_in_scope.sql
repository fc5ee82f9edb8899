-- events_in_scope: the events of a group up to a position, with their types, in order. Parameters: types (text[]), upto, and those of
-- the condition that is put in by the runner.
SELECT e.position, e.type
  FROM runfold.events e
 WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s) AND {streams}
 ORDER BY e.position
