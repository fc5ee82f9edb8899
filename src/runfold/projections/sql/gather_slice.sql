-- gather_slice: copies the events of a slice out of the log, so that each of its statements reads them alone.
-- Parameters: upto, types (text[]), barriers (text[]), slices, slice, group. The line on parked streams is put in by the runner.
CREATE TEMPORARY TABLE slice_events ON COMMIT DROP AS
SELECT e.*
  FROM runfold.events e
 WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s)
   AND (mod(hashtextextended(e.stream_id, 0) & 2147483647, %(slices)s) = %(slice)s OR e.type = ANY (%(barriers)s))
   AND {streams}
