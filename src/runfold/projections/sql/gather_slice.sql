-- gather_slice: copies the events of a slice out of the log, so that each of its statements reads them alone.
-- Parameters: group, upto, types (text[]), slices, slice. The condition on the slice and on parked streams is put in by the runner.
CREATE TEMPORARY TABLE slice_events ON COMMIT DROP AS
SELECT e.* FROM runfold.events e WHERE e.position <= %(upto)s AND e.type = ANY (%(types)s) AND {streams}
